"""The pace of a search: wall time for an evaluation, pauses left out."""

from __future__ import annotations

import datetime

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.searching.time_left import RECENT, recent_pace

NOON = datetime.datetime(2026, 1, 1, 12)


def trial(number: int, start: float, end: float) -> FrozenTrial:
    made = create_trial(state=TrialState.COMPLETE, value=0.0)
    made.number = number
    made.datetime_start = NOON + datetime.timedelta(seconds=start)
    made.datetime_complete = NOON + datetime.timedelta(seconds=end)
    return made


def pace(trials: list[FrozenTrial], evaluated: set[int] | None = None) -> float:
    numbers = {t.number for t in trials} if evaluated is None else evaluated
    found = recent_pace(trials, numbers)
    assert found is not None
    return found.seconds_per_evaluation


def test_before_the_first_evaluation_nothing_is_known() -> None:
    assert recent_pace([], set()) is None
    assert recent_pace([trial(0, 0, 1)], set()) is None


def test_one_after_the_other() -> None:
    assert pace([trial(n, 10 * n, 10 * n + 10) for n in range(5)]) == 10


def test_workers_side_by_side_share_the_time() -> None:
    assert pace([trial(n, 10 * (n // 4), 10 * (n // 4) + 10) for n in range(8)]) == 2.5


def test_a_night_between_two_sittings_does_not_count() -> None:
    trials = [trial(0, 0, 10), trial(1, 10, 20), trial(2, 40_000, 40_010)]
    assert pace(trials) == 10


def test_refused_networks_take_time_too() -> None:
    trials = [trial(0, 0, 10), trial(1, 10, 12), trial(2, 12, 22)]
    assert pace(trials, evaluated={0, 2}) == 11


def test_only_the_last_evaluations_count() -> None:
    slow = [trial(n, 100 * n, 100 * n + 100) for n in range(10)]
    quick = [trial(10 + n, 1000 + n, 1001 + n) for n in range(RECENT)]
    found = recent_pace(slow + quick, set(range(10 + RECENT)))
    assert found is not None
    assert found.evaluations == RECENT
    assert found.seconds_per_evaluation == pytest.approx(1)
