"""Work that is done in pieces: stopped when its time is up, gone on with by the same command."""

from __future__ import annotations

import argparse
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

UNFINISHED = 3
"""Exit code of a piece after which there is more to do."""

PIECE_MINUTES = 8.5


class OutOfTimeError(Exception):
    """The piece is over, and there is more to do."""


def run_nas(words: Sequence[str], options: Mapping[str, object], deadline: float) -> None:
    """`nas WORDS`, as a person types it, with the options that are not None.

    deadline: of time.monotonic(); then it is interrupted, which it saves itself from.
    Raises: OutOfTimeError; SystemExit with its exit code where it fails.
    """
    given = [word for flag, v in options.items() if v is not None for word in (flag, str(v))]
    process = subprocess.Popen([sys.executable, "-m", "nas", *words, *given])
    try:
        process.wait(max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise OutOfTimeError from None
    if process.returncode:
        sys.exit(process.returncode)


def arguments_of_pieces(
    description: str | None,
    numbers: Mapping[str, object],
    minutes_flag: str = "--minutes",
    forms: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """`run --data --out [--small] [--form] [--minutes]` and `report --out --results`.

    forms: the plans to choose from, the first by default. numbers: whole numbers of the plan that
    `run` may change -> their defaults, for the help.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    runs = actions.add_parser("run")
    runs.add_argument("--data", required=True)
    runs.add_argument("--out", type=Path, required=True)
    runs.add_argument("--small", action="store_true")
    runs.add_argument(minutes_flag, type=float, default=PIECE_MINUTES)
    if forms:
        runs.add_argument("--form", choices=forms, default=forms[0], help=f"[{forms[0]}]")
    for name, default in numbers.items():
        runs.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"[{default}]")
    reports = actions.add_parser("report")
    reports.add_argument("--out", type=Path, required=True)
    reports.add_argument("--results", type=Path, required=True)
    return parser


def end_unfinished() -> None:
    """Say so, and exit. Raises: SystemExit."""
    print("time is up; the same command goes on", flush=True)
    sys.exit(UNFINISHED)


def machine(on_cpu: bool, form: str) -> str:
    """What the trainings ran on; `form` says what a CPU is used for."""
    import torch

    if not on_cpu and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {form} ({platform.machine()}, {torch.get_num_threads()} threads)"
