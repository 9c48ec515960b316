"""Interleaved timing: every network has its turn in every round, and what the readings say.

Standard library only, because this file is part of the stand-alone script (`nas latency script`).

One network after another would compare two states of the machine: clocks change, other programs
come and go. In rounds each network meets the same states, and its minimum is the reading that was
disturbed least.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEAST_ROUNDS = 5
SETTLED = 0.05
SPREAD_LIMIT = 0.5
NOISE_RULE = (
    "a figure is noisy where the minima of every other round and of the rounds between differ by "
    "more than 5 %, the median is more than 50 % above the minimum, or there were fewer than "
    "5 rounds"
)

CLOCKS = ("auto", "cpu", "wall")

Run = Callable[[int], None]
"""Runs a network so many times, and returns when all of them are done."""


@dataclass(frozen=True)
class Pace:
    """How long to measure.

    rounds: readings of each network. reading_seconds: the length of one; a network that is faster
    is run several times for it. Short ones are best: some of them fall between two interruptions.
    seconds: when to stop before all rounds are done, but never before `LEAST_ROUNDS`; None for no
    limit. seed: of the order within a round.
    """

    rounds: int = 30
    reading_seconds: float = 0.003
    seconds: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Summary:
    """What the readings of one network say.

    spread: the median over the minimum, less one. noise: why the figure is noisy by `NOISE_RULE`;
    empty where it is not. halves_ms: the minima of every other round and of the rounds between.
    """

    minimum_ms: float
    median_ms: float
    spread: float
    noise: str
    rounds: int
    halves_ms: tuple[float, float]


def chosen_clock(name: str, device: str, threads: int) -> str:
    """The clock to read: "cpu" for one thread on a CPU unless told, else "wall".

    The CPU time of the only thread leaves out what other programs did meanwhile on its core; on an
    idle machine the two are equal. Several threads wait for each other, and a GPU is no thread, so
    there only the wall clock tells. Raises: ValueError for a clock that cannot tell.
    """
    alone = threads == 1 and not device.startswith("cuda")
    if name not in CLOCKS or (name == "cpu" and not alone):
        raise ValueError(name)
    return "cpu" if alone and name != "wall" else "wall"


def clock_called(name: str) -> Callable[[], float]:
    """Seconds of the clock "cpu" (of this thread) or "wall"."""
    return time.thread_time if name == "cpu" else time.perf_counter


def interleave(
    runs: Sequence[Run], pace: Pace, clock: Callable[[], float] = time.perf_counter
) -> list[list[float]]:
    """Milliseconds of one run, a list of readings for each network.

    Before each reading the network runs once untimed, so that its weights are where its own last
    run would have left them, not where another network's has.
    """
    counts = [_warm(run, pace.reading_seconds, clock) for run in runs]
    readings: list[list[float]] = [[] for _ in runs]
    order = list(range(len(runs)))
    source = random.Random(pace.seed)
    started = time.monotonic()
    for number in range(pace.rounds):
        late = pace.seconds is not None and time.monotonic() - started > pace.seconds
        if late and number >= LEAST_ROUNDS:
            break
        source.shuffle(order)
        for index in order:
            runs[index](1)
            begun = clock()
            runs[index](counts[index])
            readings[index].append((clock() - begun) / counts[index] * 1e3)
    return readings


def _warm(run: Run, reading_seconds: float, clock: Callable[[], float]) -> int:
    """Run until memory is allocated and kernels are chosen; how many runs one reading takes."""
    run(2)
    begun = clock()
    run(1)
    once = max(clock() - begun, 1e-7)
    return max(1, min(10_000, math.ceil(reading_seconds / once)))


def summarise(readings: Sequence[float]) -> Summary:
    """Minimum, median and whether they mean anything, of readings in the order of the rounds."""
    minimum, median = min(readings), statistics.median(readings)
    spread = median / minimum - 1.0
    halves = min(readings[::2]), min(readings[1::2] or readings)
    noise = _noise(len(readings), halves, spread)
    return Summary(minimum, median, spread, noise, len(readings), halves)


def _noise(rounds: int, halves: tuple[float, float], spread: float) -> str:
    if rounds < LEAST_ROUNDS:
        return f"only {rounds} rounds"
    apart = max(halves) / min(halves) - 1.0
    if apart > SETTLED:
        return f"two halves of the rounds differ by {apart:.0%}"
    if spread > SPREAD_LIMIT:
        return f"the median is {spread:.0%} above the minimum"
    return ""
