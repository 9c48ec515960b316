"""What a training reports: an epoch, the whole, and its log as a table."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable
from dataclasses import dataclass

from nas.errors import TrainingError


class DivergedError(TrainingError):
    """A training whose loss is no longer a number; the message names the epoch and the step."""


@dataclass(frozen=True)
class Evaluation:
    """Accuracies (fractions) and mean cross-entropy over `images` images.

    With fewer than five classes top5 counts as many as there are, so it is 1.
    """

    top1: float
    top5: float
    loss: float
    images: int


@dataclass(frozen=True)
class EpochReport:
    """One epoch, counted from 1. Accuracies are None where the epoch was not evaluated.

    train_loss: mean over the epoch's steps, of the augmented images. learning_rate: of the last
    step. seconds, images_per_second: of the training, without the evaluation.
    """

    epoch: int
    epochs: int
    train_loss: float
    top1: float | None
    top5: float | None
    val_loss: float | None
    learning_rate: float
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to. Accuracies are those of the final weights, None without images.

    epochs: how many were trained; stopped: whether an observer ended it early. seconds: in all,
    with evaluations, over every session that a resumed training took. batch_size: images of one
    forward pass; with accumulation, several make a step.
    """

    top1: float | None
    top5: float | None
    val_loss: float | None
    epochs: int
    seconds: float
    history: tuple[EpochReport, ...]
    stopped: bool
    batch_size: int
    accumulation: int


def log_text(history: Iterable[EpochReport]) -> str:
    """The reports as CSV with a header; an absent accuracy is empty."""
    stream = io.StringIO()
    names = [field.name for field in dataclasses.fields(EpochReport)]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for report in history:
        values = (getattr(report, name) for name in names)
        writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in values])
    return stream.getvalue()
