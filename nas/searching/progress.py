"""Progress of a search on stderr: a live bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nas.units import format_count, format_duration

if TYPE_CHECKING:
    from nas.searching.ledger import Ledger
    from nas.searching.loop import Observer

# A pipe or a log file gets a line at most this often.
SECONDS_BETWEEN_LINES = 5.0


class BestSoFar:
    """Follows the ledger: the most accurate network at or below the target."""

    def __init__(self, target_flops: int) -> None:
        self._target = target_flops
        self._seen = 0
        self._text = "none within the target yet"
        self._best = float("-inf")

    def describe(self, ledger: Ledger) -> str:
        """The best network so far in a few words."""
        for trial in ledger.trials[self._seen :]:
            attrs = trial.user_attrs
            figure = attrs.get("accuracy", attrs.get("score"))
            if figure is None or attrs["flops"] > self._target or figure <= self._best:
                continue
            self._best = figure
            value = f"{100 * figure:.2f} %" if "accuracy" in attrs else f"{figure:.6g}"
            self._text = f"best {value} at {format_count(attrs['flops'])}"
        self._seen = len(ledger.trials)
        return self._text


def telling_seconds(observe: Observer, trials: int, workers: int) -> Observer:
    """`observe`, and once a first network is trained, a line that says how long all will take."""
    told = False

    def both(ledger: Ledger) -> None:
        nonlocal told
        observe(ledger)
        if told or not ledger.judged:
            return
        told = True
        first = next(iter(ledger.judged.values()))
        seconds = float(first.user_attrs.get("seconds", 0.0))
        if "error" in first.user_attrs or ledger.evaluations > workers or seconds < 1:
            return
        print(
            f"the first network took {format_duration(seconds)}: about "
            f"{format_duration(trials * seconds / workers)} for {trials} by {workers} "
            f"worker{'s' if workers > 1 else ''}",
            file=sys.stderr,
            flush=True,
        )

    return both


@contextmanager
def search_progress(
    trials: int, target_flops: int, quiet: bool = False, workers: int = 1
) -> Iterator[Observer]:
    """An observer that shows evaluations done and the best so far on stderr."""
    with _shown(trials, target_flops, quiet) as observe:
        yield observe if quiet else telling_seconds(observe, trials, workers)


@contextmanager
def _shown(trials: int, target_flops: int, quiet: bool) -> Iterator[Observer]:
    best = BestSoFar(target_flops)
    if quiet:
        yield lambda ledger: None
    elif sys.stderr.isatty():
        with _bar(trials, best) as observer:
            yield observer
    else:
        last = time.monotonic() - SECONDS_BETWEEN_LINES + 1

        def observe(ledger: Ledger) -> None:
            nonlocal last
            finished = ledger.evaluations >= trials
            if time.monotonic() - last >= SECONDS_BETWEEN_LINES or finished:
                last = time.monotonic()
                line = f"{ledger.evaluations}/{trials} evaluations, {best.describe(ledger)}"
                print(line, file=sys.stderr, flush=True)

        yield observe


@contextmanager
def _bar(trials: int, best: BestSoFar) -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeLeft(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=trials)

        def observe(ledger: Ledger) -> None:
            bar.update(task, completed=ledger.evaluations, description=best.describe(ledger))

        yield observe
