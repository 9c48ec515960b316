"""Fifty kills at random moments, and the end is that of an undisturbed run."""

from __future__ import annotations

import collections
import contextlib
import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toys

TESTS = Path(__file__).resolve().parents[1]
KILLS = 50
EVALUATIONS = 60


def command(run: Path, workers: int, seed: int) -> list[str]:
    arguments = ["search", "-t", "400M", "--evaluator", "toys:Checkpointing", "--sampler", "random"]
    arguments += ["--trials", str(EVALUATIONS), "--workers", str(workers), "--quiet"]
    arguments += ["--seed", str(seed)]
    return [sys.executable, "-m", "nas", *arguments, "--out", str(run)]


def environment(log: Path, seconds: float) -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "TOY_LOG": str(log), "TOY_SECONDS": str(seconds)}


def results(run: Path) -> dict[str, tuple[str, ...]]:
    rows = csv.DictReader((run / "trials.csv").open())
    return {
        r["digest"]: (r["state"], r["accuracy"], r["error"]) for r in rows if not r["repeat_of"]
    }


def epochs(log: Path) -> list[tuple[str, int, int]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [(digest, int(epoch), int(pid)) for digest, epoch, pid in map(str.split, lines)]


def kill_once(arguments: list[str], log: Path, generator: random.Random) -> bool:
    """Start the search, let it work a moment, kill it or a worker; False once it has finished."""
    before = len(epochs(log))
    process = subprocess.Popen(
        arguments,
        env=environment(log, 0.06),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Half the kills strike anywhere, start-up included; the others when it is at work.
    if generator.random() < 0.5:
        time.sleep(generator.random() * 1.5)
    else:
        deadline = time.monotonic() + 240
        while process.poll() is None and len(epochs(log)) == before:
            assert time.monotonic() < deadline, "no epoch in four minutes"
            time.sleep(0.01)
        time.sleep(generator.random() * 0.3)
    now = epochs(log)
    if len(now) > before and generator.random() < 0.3:
        with contextlib.suppress(ProcessLookupError):
            os.kill(now[-1][2], signal.SIGKILL)
        time.sleep(generator.random() * 0.5)
    alive = process.poll() is None
    process.kill()
    process.wait()
    return alive


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_fifty_kills_lose_nothing(tmp_path: Path, workers: int) -> None:
    """As many searches as fifty kills take: on a fast machine one is over before that."""
    generator = random.Random(workers)
    kills = seed = 0
    while kills < KILLS:
        kills += killed_search(tmp_path / str(seed), workers, seed, KILLS - kills, generator)
        seed += 1


def killed_search(
    folder: Path, workers: int, seed: int, most: int, generator: random.Random
) -> int:
    """Kill one search at most `most` times, let it end, compare; how often it was killed."""
    folder.mkdir()
    whole = subprocess.run(
        command(folder / "whole", 1, seed),
        env=environment(folder / "whole.log", 0.0),
        timeout=240,
        stdout=subprocess.DEVNULL,
    )
    assert whole.returncode == 0
    log = folder / "parts.log"
    kills = 0
    while kills < most and kill_once(command(folder / "parts", workers, seed), log, generator):
        kills += 1
    done = subprocess.run(
        command(folder / "parts", workers, seed),
        env=environment(log, 0.0),
        timeout=240,
        stdout=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    assert results(folder / "parts") == results(folder / "whole")
    # An epoch is repeated only by the orphan of a killed driver, which ends in half a second; it
    # is missing from the log only where a kill fell between its checkpoint and the log.
    times = collections.Counter((digest, epoch) for digest, epoch, _ in epochs(log))
    repeated = sum(count - 1 for count in times.values())
    assert len(times) >= EVALUATIONS * toys.Checkpointing.epochs - (kills + 1) * workers
    assert repeated <= (kills + 1) * workers
    return kills
