"""A run of two stages that needs no torch, its results, and how it is killed."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parent
WAIT_SECONDS = 240

PLAN = """
[search]
target-flops = "400M"
evaluator = "toys:Checkpointing"
sampler = "random"
trials = 6

[family]
rule = "formula"
phi = [0, 1]
"""


def environment(log: Path, seconds: float) -> dict[str, str]:
    """toys:Checkpointing found, writing its epochs to `log`, each of so many seconds."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "TOY_LOG": str(log), "TOY_SECONDS": str(seconds)}


def start(folder: Path, *arguments: object, seconds: float = 0.0) -> subprocess.Popen[str]:
    """`nas run ARGUMENTS` in `folder`, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "nas", "run", *map(str, arguments)],
        cwd=folder,
        env=environment(folder / "epochs.log", seconds),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(
    folder: Path, *arguments: object, seconds: float = 0.0, wait: float = WAIT_SECONDS
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `nas run ARGUMENTS`."""
    process = start(folder, *arguments, seconds=seconds)
    try:
        out, err = process.communicate(timeout=wait)
    finally:
        process.kill()
    return process.returncode, out, err


def until(what: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for `what`; a process that ends before is a failure."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < deadline, "it did not happen in four minutes"
        assert process is None or process.poll() is None, process and process.communicate()
        time.sleep(0.02)


def epochs(folder: Path) -> int:
    """How many epochs have ended."""
    log = folder / "epochs.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def state(run: Path) -> dict:
    """The stages of state.json."""
    return json.loads((run / "state.json").read_text())["stages"]


def results(run: Path) -> dict[str, object]:
    """What must be the same however often a run was killed."""
    best = json.loads((run / "search" / "best.json").read_text())
    rows = csv.DictReader((run / "search" / "trials.csv").open())
    trials = {r["digest"]: (r["state"], r["accuracy"]) for r in rows if not r["repeat_of"]}
    # Not the record of when it was made.
    members = [path for path in (run / "family").iterdir() if path.name != "record.json"]
    family = {path.name: path.read_bytes() for path in members}
    return {"best": best["best"]["digest"], "trials": trials, "family": family}
