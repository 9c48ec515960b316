"""Progress of a training on stderr: a live bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nas.training.loop import Observer, StepObserver
from nas.training.results import EpochReport

# A pipe or a log file gets a line for an epoch at most this often; its last one always.
SECONDS_BETWEEN_LINES = 5.0
# Steps are launched ahead of the device; the speed shown is over the steps of this many seconds.
_SECONDS_OF_SPEED = 2.0


@contextmanager
def training_progress(quiet: bool = False) -> Iterator[tuple[Observer, StepObserver | None]]:
    """Observers for `train` that show epochs, accuracy, images/s and the time left."""
    if quiet:
        yield (lambda report: False), None
    elif sys.stderr.isatty():
        with _bar() as observers:
            yield observers
    else:
        last = time.monotonic() - SECONDS_BETWEEN_LINES

        def observe(report: EpochReport) -> bool:
            nonlocal last
            if time.monotonic() - last >= SECONDS_BETWEEN_LINES or report.epoch == report.epochs:
                last = time.monotonic()
                left = time_left(report.seconds * (report.epochs - report.epoch))
                print(f"{describe(report)}, {left}", file=sys.stderr, flush=True)
            return False

        yield observe, None


def describe(report: EpochReport) -> str:
    """An epoch in a few words."""
    words = [f"epoch {report.epoch}/{report.epochs}", f"loss {report.train_loss:.3f}"]
    if report.top1 is not None:
        words.append(f"top-1 {100 * report.top1:.2f} %")
    return ", ".join([*words, f"{report.images_per_second:,.0f} images/s"])


def time_left(seconds: float) -> str:
    """A duration to its two largest parts: "3 min 5 s left"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min left"
    return f"{whole // 60} min {whole % 60} s left" if whole >= 60 else f"{whole} s left"


@contextmanager
def _bar() -> Iterator[tuple[Observer, StepObserver]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (BarColumn(bar_width=24), TextColumn("{task.description}"), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        epoch, speed = "", ""
        since, counted = time.monotonic(), 0

        def show() -> None:
            bar.update(task, description=", ".join(filter(None, [epoch or "epoch 1", speed])))

        def observe_step(done: int, steps: int, images: int) -> None:
            nonlocal since, counted, speed
            counted += images
            passed = time.monotonic() - since
            if passed >= _SECONDS_OF_SPEED:
                speed = f"{counted / passed:,.0f} images/s"
                since, counted = time.monotonic(), 0
            bar.update(task, completed=done, total=steps)
            show()

        def observe(report: EpochReport) -> bool:
            nonlocal epoch, speed, since, counted
            epoch = describe(report).rpartition(", ")[0]
            speed = f"{report.images_per_second:,.0f} images/s"
            since, counted = time.monotonic(), 0
            show()
            return False

        yield observe, observe_step
