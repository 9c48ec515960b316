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

TESTS = Path(__file__).resolve().parent
KILLS = 50
EVALUATIONS = 60


def command(run: Path, workers: int) -> list[str]:
    arguments = ["search", "-t", "400M", "--evaluator", "toys:Checkpointing", "--sampler", "random"]
    arguments += ["--trials", str(EVALUATIONS), "--workers", str(workers), "--quiet"]
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


def kill_once(run: Path, log: Path, workers: int, generator: random.Random) -> bool:
    """Start the search, let it work a moment, kill it or a worker; False once it has finished."""
    before = len(epochs(log))
    process = subprocess.Popen(
        command(run, workers),
        env=environment(log, 0.06),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Half the kills strike anywhere, start-up included; the others when it is at work.
    if generator.random() < 0.5:
        time.sleep(generator.random() * 1.5)
    else:
        deadline = time.monotonic() + 60
        while process.poll() is None and len(epochs(log)) == before:
            assert time.monotonic() < deadline, "no epoch in a minute"
            time.sleep(0.01)
        time.sleep(generator.random() * 0.3)
    now = epochs(log)
    if workers > 1 and len(now) > before and generator.random() < 0.3:
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
    generator = random.Random(workers)
    whole = subprocess.run(
        command(tmp_path / "whole", 1), env=environment(tmp_path / "whole.log", 0.0), timeout=120
    )
    assert whole.returncode == 0
    log = tmp_path / "parts.log"
    kills = 0
    while kills < KILLS and kill_once(tmp_path / "parts", log, workers, generator):
        kills += 1
    assert kills == KILLS, f"the search finished after {kills} kills; make its evaluations slower"
    done = subprocess.run(
        command(tmp_path / "parts", workers), env=environment(log, 0.0), timeout=120
    )
    assert done.returncode == 0
    assert results(tmp_path / "parts") == results(tmp_path / "whole")
    # An epoch is repeated only by the orphan of a killed driver, which ends in half a second; it
    # is missing from the log only where a kill fell between its checkpoint and the log.
    times = collections.Counter((digest, epoch) for digest, epoch, _ in epochs(log))
    repeated = sum(count - 1 for count in times.values())
    assert len(times) >= EVALUATIONS * toys.Checkpointing.epochs - KILLS * workers
    assert repeated <= KILLS * workers
