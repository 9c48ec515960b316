"""What a study has learnt so far, read from its trials alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.samplers.candidates import CandidateSpace
from nas.samplers.parameter import Codes, Floats

if TYPE_CHECKING:
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial

ACCURACY = "accuracy"
"""The user attribute that holds a trial's accuracy where the study optimises something else."""


@dataclass(frozen=True)
class History:
    """Trials as arrays; rows in the order of trial numbers.

    Attributes:
        numbers: (rows,) trial numbers of the finished trials.
        codes: (rows, parameters) their networks.
        readings: (rows, quantities) what is modelled; all to be maximised.
        constraints: (rows, names) measured constraints, at most 0 where met; NaN if not measured.
        pending: (in flight, parameters) networks being evaluated.
        taken: networks of any trial, failed and refused ones too, as bytes.
        signs: (quantities,) 1 where the study maximises, -1 where it minimises; the readings
            have it applied.
    """

    numbers: tuple[int, ...]
    codes: Codes
    readings: Floats
    constraints: Floats
    pending: Codes
    taken: frozenset[bytes]
    signs: Floats


def accuracy(trial: FrozenTrial, sign: float) -> float:
    """The accuracy of a completed trial: its attribute, or its value with the study's sign."""
    noted = trial.user_attrs.get(ACCURACY)
    if isinstance(noted, int | float):
        return float(noted)
    return sign * float(trial.values[0])


def signs(directions: Sequence[StudyDirection]) -> Floats:
    """1 for an objective that is maximised, -1 for one that is minimised."""
    from optuna.study import StudyDirection

    return np.array([-1.0 if d == StudyDirection.MINIMIZE else 1.0 for d in directions])


@dataclass(frozen=True)
class _Known:
    """One trial: its network twice over, and what was read of it, if anything."""

    row: Codes
    network: bytes
    reading: list[float] | None
    constraints: Mapping[str, float]


class Reader:
    """Turns trials into a `History`, remembering what finished ones hold."""

    def __init__(self, space: CandidateSpace) -> None:
        self._space = space
        self._seen: dict[bytes, dict[tuple[object, ...], _Known]] = {}

    def read(
        self,
        trials: Sequence[FrozenTrial],
        sign: Floats,
        *,
        asking: int = -1,
    ) -> History:
        """The history before trial number `asking`, which is left out.

        One objective: the reading is the accuracy. Several: all values, signs applied.
        """
        numbers, codes, readings, measured = [], [], [], []
        pending, taken = [], set()
        seen = self._seen.setdefault(sign.tobytes(), {})
        for trial in trials:
            if trial.number == asking or not trial.params:
                continue
            known = self._known(trial, sign, seen)
            taken.add(known.network)
            if not trial.state.is_finished():
                pending.append(known.row)
            elif known.reading is not None:
                numbers.append(trial.number)
                codes.append(known.row)
                readings.append(known.reading)
                measured.append(known.constraints)
        width = len(self._space.parameters)
        return History(
            tuple(numbers),
            np.array(codes, dtype=np.int64).reshape(-1, width),
            np.array(readings, dtype=np.float64).reshape(-1, len(sign)),
            _as_columns(measured),
            np.array(pending, dtype=np.int64).reshape(-1, width),
            frozenset(taken),
            sign,
        )

    def _known(
        self, trial: FrozenTrial, sign: Floats, seen: dict[tuple[object, ...], _Known]
    ) -> _Known:
        if trial.datetime_complete is None:
            return self._look(trial, sign)
        # Numbers repeat from study to study; with the times of its life they name one trial, and a
        # finished trial never changes.
        key = (trial.number, trial.datetime_start, trial.datetime_complete)
        if key not in seen:
            seen[key] = self._look(trial, sign)
        return seen[key]

    def _look(self, trial: FrozenTrial, sign: Floats) -> _Known:
        from optuna.trial import TrialState

        row = self._space.encode(trial.params)
        reading: list[float] | None = None
        if trial.state == TrialState.COMPLETE:
            if len(sign) == 1:
                reading = [accuracy(trial, float(sign[0]))]
            else:
                reading = [s * v for s, v in zip(sign.tolist(), trial.values, strict=True)]
            if not all(math.isfinite(value) for value in reading):
                reading = None
        return _Known(row, row.tobytes(), reading, trial.constraints)


def _as_columns(measured: Sequence[Mapping[str, float]]) -> Floats:
    """(trials, names) with NaN where a trial did not measure a constraint."""
    names = sorted({name for one in measured for name in one})
    columns = [[one.get(name, math.nan) for one in measured] for name in names]
    return np.array(columns, dtype=np.float64).reshape(len(names), len(measured)).T


def without_collapses(readings: Floats) -> Floats:
    """Readings with the hopelessly low ones raised to a floor.

    A diverged training reads as chance, far below every other; taken at its word, it would set the
    scale of the whole model. The floor is three times the 10-90 % range below the median: a
    tenth of trainings may collapse, and the first, scattered networks of a search that has since
    closed in on its best are left as they were read.
    """
    low, middle, high = np.quantile(readings, [0.1, 0.5, 0.9])
    return np.maximum(readings, middle - 3 * (high - low)) if high > low else readings
