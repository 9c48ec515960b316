"""A training, epoch by epoch, from its log."""

from __future__ import annotations

import csv
from pathlib import Path

from nas.report.figures import BLUE, VERMILION, Canvas, Plot, styled, whole_numbers

_LEAST_EPOCHS = 2


@styled
def training_curve(folder: Path, label: str, name: str) -> Plot | None:
    """Training loss, and accuracy where epochs were judged; None for fewer than two epochs."""
    rows = _rows(folder / "log.csv")
    if len(rows) < _LEAST_EPOCHS:
        return None
    judged = [row for row in rows if row["top1"]]
    canvas = Canvas(height=4.2 if judged else 2.5)
    panels = canvas.rows([1.0, 1.0] if judged else [1.0])
    epochs = [int(row["epoch"]) for row in rows]
    panels[0].plot(epochs, [float(row["train_loss"]) for row in rows], color=BLUE)
    panels[0].set_ylabel("training loss")
    if judged:
        panels[1].plot(
            [int(row["epoch"]) for row in judged],
            [100 * float(row["top1"]) for row in judged],
            color=VERMILION,
            marker="o",
            markersize=4,
        )
        panels[1].set_ylabel("top-1 (%), measured")
        panels[1].sharex(panels[0])
    whole_numbers(panels[-1].xaxis)
    panels[-1].set_xlabel("epoch")
    return canvas.plot(
        name,
        label,
        f"Training loss of {label} from {rows[0]['train_loss']} in epoch {epochs[0]} to "
        f"{rows[-1]['train_loss']} in epoch {epochs[-1]}.",
        note="The loss is that of augmented training images, as it was trained; the accuracy that "
        "of images held out, where there are any.",
    )


def _rows(path: Path) -> list[dict[str, str]]:
    """The log's whole rows; none where it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return [row for row in rows if float(row["train_loss"]) == float(row["train_loss"])]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return []
