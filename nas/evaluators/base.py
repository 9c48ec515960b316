"""What an evaluator is and what it answers.

An `Accuracy` is a fraction measured on held-out images, or predicted for a named data set. A
`Score` is anything else that ranks networks; it never enters ACC * (FLOPs / T)^w.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from nas.errors import EvaluationError, NasError, one_line
from nas.space import SearchSpace
from nas.spec import ArchSpec


@dataclass(frozen=True)
class Accuracy:
    """Top-1 accuracy as a fraction in [0, 1].

    source: what kind of number it is ("predicted top-1, ..." or "measured on ...").
    sd: standard deviation of a new result of the same kind, where it is known.
    seconds: what it cost to get.
    Raises: EvaluationError if the value is no fraction: a percentage would win every search.
    """

    value: float
    source: str
    sd: float | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        _plain(self, "value", "seconds", *(["sd"] if self.sd is not None else []))
        if not 0.0 <= self.value <= 1.0:
            raise EvaluationError(
                f"accuracy {self.value} of '{self.source}' is not a fraction from 0 to 1"
            )


@dataclass(frozen=True)
class Score:
    """A number that ranks networks, higher is better, and is no accuracy."""

    value: float
    source: str
    seconds: float = 0.0

    def __post_init__(self) -> None:
        _plain(self, "value", "seconds")
        if not math.isfinite(self.value):
            raise EvaluationError(f"score {self.value} of '{self.source}' is not finite")


def _plain(answer: Accuracy | Score, *names: str) -> None:
    """Make plain floats of numbers of numpy or torch, which no record can hold.

    Raises: EvaluationError for what is no number.
    """
    for name in names:
        given = getattr(answer, name)
        try:
            object.__setattr__(answer, name, float(given))
        except (TypeError, ValueError, RuntimeError):
            raise EvaluationError(
                f"the {name} of '{answer.source}' is a {type(given).__name__}, not a number"
            ) from None


class PrunedError(Exception):
    """An evaluator's answer for a training that was stopped because it was hopeless.

    epoch: the last one done. value: the accuracy after it, which is none of a whole training.
    """

    def __init__(self, epoch: int, value: float) -> None:
        super().__init__(f"stopped after epoch {epoch} at {value:.4f}")
        self.epoch, self.value = epoch, value


Report = Callable[[int, float], bool]
"""(epoch from 1, accuracy after it) -> whether to stop now; see `EvaluationContext.report`."""


def no_report(epoch: int, value: float) -> bool:
    """Nobody listens, so nothing is stopped."""
    return False


@dataclass(frozen=True)
class EvaluationContext:
    """What an evaluator may know before it starts.

    folder: where it may keep files that make it resumable; it makes the folder. None where there
        is no run.
    options: its settings by name, of those that it declares (`option_names`). Where the search has
        images, "data" names them and "fingerprint" is what they were when the search began.
    report: to be called after each epoch of the network under evaluation. Where it answers true,
        the training is hopeless: raise PrunedError instead of going on.
    """

    space: SearchSpace | None
    seed: int
    folder: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    report: Report = no_report


class Evaluator(Protocol):
    """A way of judging networks.

    `cheap` declares that one evaluation takes milliseconds and that the same network always gets
    the same answer. One that answers with scores declares so with `gives_scores = True`: the FLOPs
    target then is a bound instead of a part of the reward.
    """

    @property
    def name(self) -> str:
        """The name typed after `--evaluator`."""

    @property
    def cheap(self) -> bool:
        """Whether evaluations are deterministic and take milliseconds."""

    def prepare(self, context: EvaluationContext) -> None:
        """Load or fit what evaluation needs; called once a process, before the first network.

        Where `cheap`, it is called before there is a run, and so without a folder.
        Raises: EvaluationError where it cannot judge networks of this space.
        """

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy | Score:
        """Judge one network.

        Raises: EvaluationError where it cannot; PrunedError where it was told to stop.
        """


@runtime_checkable
class PredictsDevices(Protocol):
    """An evaluator that also predicts how networks run on named devices."""

    def device_metrics(self) -> dict[str, str]:
        """Metric name -> unit: "latency:zcu102" -> "ms", "throughput:a100" -> "images/s"."""

    def device_figure(self, metric: str, arch: ArchSpec) -> float:
        """The predicted figure of `arch`, in the metric's unit."""


@runtime_checkable
class ChecksSettings(Protocol):
    """An evaluator that can refuse settings at once, without loading what evaluation needs."""

    def check(self, context: EvaluationContext) -> None:
        """Raises: NasError, in one line, for settings that it cannot work with."""


@runtime_checkable
class TellsSeconds(Protocol):
    """An evaluator that knows beforehand how long one network takes."""

    def seconds_per_evaluation(self) -> float:
        """Seconds of one worker for one network."""


@runtime_checkable
class TriesSeconds(Protocol):
    """An evaluator that finds out how long one network takes by a small part of the work."""

    def try_seconds(self, context: EvaluationContext, arch: ArchSpec) -> float:
        """Seconds of one worker for `arch`; called before `prepare`, and writes nothing."""


def option_names(evaluator: Evaluator) -> tuple[str, ...]:
    """The names of the options that an evaluator declares (`option_names = ("epochs", ...)`)."""
    return tuple(getattr(evaluator, "option_names", ()))


def gives_scores(evaluator: Evaluator) -> bool:
    """Whether an evaluator declares (`gives_scores = True`) that it answers with scores."""
    return bool(getattr(evaluator, "gives_scores", False))


def judge(evaluator: Evaluator, arch: ArchSpec, seed: int) -> Accuracy | Score | str:
    """The evaluator's answer, or in one line why there is none; an evaluator may raise anything.

    Raises: PrunedError, as it comes, for a training that was stopped on the way.
    """
    try:
        # A plug-in may answer with anything, whatever the protocol says.
        judgement: object = evaluator.evaluate(arch, seed=seed)
    except PrunedError:
        raise
    except NasError as error:
        return str(error)
    except Exception as error:
        return one_line(error)
    if isinstance(judgement, Accuracy):
        return judgement
    if isinstance(judgement, Score) and gives_scores(evaluator):
        return judgement
    if isinstance(judgement, Score):
        return (
            f"evaluator '{evaluator.name}' answered with a score; it must declare "
            "`gives_scores = True`, so that the target becomes a bound"
        )
    return (
        f"evaluator '{evaluator.name}' answered with a {type(judgement).__name__}; it must be an "
        "Accuracy or a Score"
    )
