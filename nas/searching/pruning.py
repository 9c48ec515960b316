"""Hearing of trainings' epochs, and stopping the hopeless ones: Optuna's pruners decide.

What a pruner compares is the objective with the accuracy so far in place of the final one. A
training that was stopped was paid for, so it counts as an evaluation; it has no accuracy, and its
network is not asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.cost import network_cost
from nas.evaluators.base import Accuracy
from nas.runs.reports import LOOK_SECONDS, ReportFolder
from nas.searching.problem import Problem
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Trial
    from optuna.pruners import BasePruner

# Finished trainings before the median says anything.
STARTUP_TRAININGS = 5
# How often a driver that stops nothing looks for news to show.
LEISURE_SECONDS = 2.0


def make_pruner(name: str, epochs: int | None) -> BasePruner:
    """Optuna's pruner for trainings of `epochs` epochs (steps count from 1); None: not known.

    median: below the median of the others at the same epoch, from a quarter of the epochs on.
    hyperband: successive halving by 3. patient: as median, and no better for a tenth of the epochs.
    """
    import optuna

    if name == "none":
        return optuna.pruners.NopPruner()
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource="auto" if epochs is None else epochs)
    median = optuna.pruners.MedianPruner(
        n_startup_trials=STARTUP_TRAININGS, n_warmup_steps=max(1, (epochs or 4) // 4)
    )
    if name == "median":
        return median
    return optuna.pruners.PatientPruner(median, patience=max(1, (epochs or 10) // 10))


def pruner_of(problem: Problem) -> BasePruner:
    """The pruner of a search."""
    epochs = problem.config.options.get("epochs")
    return make_pruner(problem.config.pruner, epochs if isinstance(epochs, int) else None)


class Listener:
    """Tells trials what their trainings report, and trainings whether to stop."""

    def __init__(self, problem: Problem, reports: ReportFolder) -> None:
        self._problem = problem
        self._reports = reports
        self._prunes = problem.config.pruner != "none"
        # Optuna knows neither reports nor pruning for several objectives.
        self._deaf = len(problem.objectives) > 1
        self._told: dict[int, set[int]] = {}

    @property
    def pause(self) -> float | None:
        """Seconds between two looks at the reports; None where the end is soon enough."""
        return LOOK_SECONDS if self._prunes else None

    def follow(self, trial: Trial, arch: ArchSpec, figures: Mapping[str, float]) -> None:
        """Tell a trial what its training has reported since; answer the last epoch."""
        digest = arch.digest()
        reported = self._reports.read(digest)
        if not reported or self._deaf:
            return
        last = max(reported)
        for epoch in sorted(reported):
            self._tell(trial, arch, figures, epoch, reported[epoch])
        answered = self._reports.answered(digest)
        if self._prunes and (answered is None or answered[0] < last):
            self._reports.answer(digest, last, trial.should_prune())

    def hear(
        self,
        trial: Trial,
        arch: ArchSpec,
        figures: Mapping[str, float],
        epoch: int,
        value: float,
    ) -> bool:
        """The same for a report that comes without a file; whether to stop."""
        if self._deaf:
            return False
        self._tell(trial, arch, figures, epoch, value)
        return self._prunes and trial.should_prune()

    def _tell(
        self,
        trial: Trial,
        arch: ArchSpec,
        figures: Mapping[str, float],
        epoch: int,
        value: float,
    ) -> None:
        told = self._told.setdefault(trial.number, set())
        if epoch in told or not 0 <= value <= 1:
            return
        told.add(epoch)
        accuracy = Accuracy(value, "reported")
        (figure,) = self._problem.values(accuracy, network_cost(arch), figures)
        trial.report(figure, epoch)

    def finish(self, trial: Trial, arch: ArchSpec, figures: Mapping[str, float]) -> None:
        """Take the last reports of a network that is judged."""
        for epoch, value in sorted(self._reports.read(arch.digest()).items()):
            if not self._deaf:
                self._tell(trial, arch, figures, epoch, value)
        self._told.pop(trial.number, None)
