"""How long a search will still take, from what it did lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

RECENT = 20


@dataclass(frozen=True)
class Pace:
    """Seconds of wall time for an evaluation, all workers together, over the last so many."""

    seconds_per_evaluation: float
    evaluations: int


def recent_pace(trials: Sequence[FrozenTrial], evaluated: set[int]) -> Pace | None:
    """The pace of the last evaluations; None before the first.

    Time in which no trial at all was under way is left out, so that a pause between two sittings
    does not count; refused networks and repeats do count, because they take time too.
    evaluated: the numbers of the trials that were paid for.
    """
    timed = sorted(
        (t for t in trials if t.datetime_start is not None and t.datetime_complete is not None),
        key=lambda t: (t.datetime_complete, t.number),
    )
    positions = [i for i, trial in enumerate(timed) if trial.number in evaluated]
    if not positions:
        return None
    first = positions[-RECENT] if len(positions) > RECENT else 0
    # From the end of the trial before: what ran beside that one is counted from there on.
    since = timed[first - 1].datetime_complete if first else None
    spans = [_from(trial, since) for trial in timed[first:]]
    counted = sum(1 for position in positions if position >= first)
    return Pace(_covered(spans).total_seconds() / counted, counted)


def _from(trial: FrozenTrial, since: datetime | None) -> tuple[datetime, datetime]:
    assert trial.datetime_start is not None
    assert trial.datetime_complete is not None
    start = trial.datetime_start if since is None else max(since, trial.datetime_start)
    return start, trial.datetime_complete


def _covered(spans: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """The time that lies in at least one span."""
    total, reached = timedelta(), datetime.min
    for start, end in sorted(spans):
        if end > reached:
            total += end - max(start, reached)
            reached = end
    return total
