"""The best networks of a search measured again, where this machine is the table's device.

A prediction is some percent off, and a search pushes against its bound: of networks predicted just
below it, about half are above. So the reported network must meet the bound as measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.latency.table import LatencyTable
from nas.searching.device_tables import LATENCY
from nas.searching.problem import Problem
from nas.searching.results import SearchResult, summarise

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nas.spec import ArchSpec

TOGETHER = 6
"""Finalists that are measured at once."""
MOST_MEASURED = 24

Measure = Callable[[Sequence["ArchSpec"], LatencyTable], Sequence[tuple[float, str]]]
"""Networks on a table's device -> (minimum in ms, why it is noisy or "") of each.

Raises: LatencyError where this machine is another device.
"""


@dataclass(frozen=True)
class Finalist:
    """A network by its trial, and its latency on the devices asked for, in ms by metric.

    figure: its accuracy as a fraction, or its score. met: whether every bound is met as measured.
    role: "bound" for a candidate for the best,
    "front" for one of the networks that trade accuracy off against latency.
    """

    trial: int
    figure: float
    predicted_ms: Mapping[str, float]
    measured_ms: Mapping[str, float]
    noise: str
    met: bool
    role: str


@dataclass(frozen=True)
class LatencyReport:
    """Measured finalists of a search; not_measured says why there are none, empty where there are.

    met: whether the reported network meets every latency bound as measured; None where there is
    no bound, or nothing was measured.
    """

    tables: tuple[str, ...]
    finalists: tuple[Finalist, ...]
    met: bool | None
    not_measured: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": "predicted, not measured" if self.not_measured else "measured",
            "not_measured": self.not_measured,
            "tables": list(self.tables),
            "met": self.met,
            "finalists": [
                {
                    "trial": each.trial,
                    "role": each.role,
                    "figure": each.figure,
                    "predicted_ms": dict(each.predicted_ms),
                    "measured_ms": dict(each.measured_ms),
                    "noise": each.noise,
                    "met": each.met,
                }
                for each in self.finalists
            ],
        }


def measure_here(networks: Sequence[ArchSpec], table: LatencyTable) -> Sequence[tuple[float, str]]:
    """Measure on this machine, which must be what the table was measured on."""
    from nas.latency.errors import LatencyError
    from nas.latency.measure import MeasureSettings, check_device, measure_latencies
    from nas.latency.runners import describe_device

    device = table.device
    check_device(device.kind, device.threads)
    here = describe_device(device.kind, device.threads)
    if not here.same_hardware(device):
        raise LatencyError(f"the table is of {device.describe()}, this is {here.describe()}")
    settings = MeasureSettings(device.kind, device.threads, table.batch)
    return [(each.minimum_ms, each.noise) for each in measure_latencies(networks, settings)]


def with_measured(
    problem: Problem, trials: Sequence[FrozenTrial], measure: Measure = measure_here
) -> SearchResult:
    """The result with the best network that meets the latency bounds as measured.

    It is the best as predicted where none of the finalists does, or none can be measured; its
    `latency` says so.
    """
    result = summarise(problem, trials)
    if not problem.tables:
        return result
    names = tuple(metric.removeprefix(LATENCY) for metric in problem.tables)
    by_number = {trial.number: trial for trial in trials}
    finalists: dict[int, Finalist] = {}
    try:
        for trial in _front(problem, trials):
            finalists[trial.number] = _unmeasured(problem, trial)
        for each in _measured(problem, [by_number[n] for n in finalists], "front", measure):
            finalists[each.trial] = each
        chosen, met = _meeting(problem, trials, finalists, by_number, measure)
    except NasError as error:
        return replace(result, latency=LatencyReport(names, (), None, str(error)))
    report = LatencyReport(names, tuple(finalists.values()), met)
    return replace(chosen or result, latency=report)


def _meeting(
    problem: Problem,
    trials: Sequence[FrozenTrial],
    finalists: dict[int, Finalist],
    by_number: Mapping[int, FrozenTrial],
    measure: Measure,
) -> tuple[SearchResult | None, bool | None]:
    """The result whose best, and whose winner of the paper's reward, meet the bounds.

    finalists gets who was measured on the way.
    """
    if not any(bound.metric in problem.tables for bound in problem.config.bounds):
        return None, None
    while True:
        slow = {number for number, each in finalists.items() if not each.met}
        result = summarise(problem, trials, without=slow)
        best, paper = result.best, result.paper_best
        if best is None or best.trial is None:
            return None, False
        unknown = paper is not None and paper.trial not in finalists
        full = len(finalists) >= MOST_MEASURED
        if best.trial in finalists and (full or not unknown):
            # Nobody can say that it meets the bound, so it is not called a winner.
            return replace(result, paper_best=None) if unknown else result, True
        if full:
            return None, False
        winners = [best.trial, *([paper.trial] if paper is not None else [])]
        others = [each.trial for each in result.top]
        numbers = [n for n in dict.fromkeys([*winners, *others]) if n not in finalists][:TOGETHER]
        chosen = [by_number[number] for number in numbers if number is not None]
        for each in _measured(problem, chosen, "bound", measure):
            finalists[each.trial] = each


def measured_too_slow(folder: Path) -> frozenset[int]:
    """The trials whose networks a finished search in `folder` measured to break a latency bound.

    None of them where every finalist does: the search then reports the best as predicted.
    """
    try:
        content: Any = json.loads((folder / "best.json").read_text(encoding="utf-8"))
        report = content.get("latency") or {}
        if report.get("met") is not True:
            return frozenset()
        return frozenset(int(each["trial"]) for each in report["finalists"] if not each["met"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def _front(problem: Problem, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Where latency is an objective: trials that none beats in accuracy at no more latency."""
    traded = [name for name in problem.objectives if name in problem.tables]
    if not traded:
        return []
    judged = [t for t in trials if "accuracy" in t.user_attrs and "refused" not in t.user_attrs]
    distinct = {t.user_attrs["digest"]: t for t in judged}.values()
    front: list[FrozenTrial] = []
    for trial in sorted(distinct, key=lambda t: (t.user_attrs[traded[0]], -_figure(t))):
        if not front or _figure(trial) > _figure(front[-1]):
            front.append(trial)
    # Evenly along the front, with both ends.
    count = min(len(front), 2 * TOGETHER)
    return [front[round(i * (len(front) - 1) / max(1, count - 1))] for i in range(count)]


def _figure(trial: FrozenTrial) -> float:
    attrs = trial.user_attrs
    return float(attrs["accuracy"] if "accuracy" in attrs else attrs["score"])


def _unmeasured(problem: Problem, trial: FrozenTrial) -> Finalist:
    predicted = {metric: float(trial.user_attrs[metric]) for metric in problem.tables}
    return Finalist(trial.number, _figure(trial), predicted, {}, "", False, "front")


def _measured(
    problem: Problem, trials: Sequence[FrozenTrial], role: str, measure: Measure
) -> list[Finalist]:
    if not trials:
        return []
    networks = [problem.rebuild(trial.params) for trial in trials]
    readings = {metric: measure(networks, table) for metric, table in problem.tables.items()}
    limits = [(b.metric, b.limit) for b in problem.config.bounds if b.metric in problem.tables]
    return [
        Finalist(
            trial=trial.number,
            figure=_figure(trial),
            predicted_ms={metric: float(trial.user_attrs[metric]) for metric in readings},
            measured_ms={metric: values[index][0] for metric, values in readings.items()},
            noise="; ".join(v[index][1] for v in readings.values() if v[index][1]),
            met=all(readings[metric][index][0] <= limit for metric, limit in limits),
            role=role,
        )
        for index, trial in enumerate(trials)
    ]
