"""The stand-alone script's command line; the last part of it.

Measures the work file that `nas latency script` wrote. Needs Python 3.10 or newer, numpy, and
onnxruntime or torch; nothing of nas.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from nas.latency.machine import DEVICES, usable_cores
from nas.latency.work import PASSES, ROUNDS, measure_work


def main(arguments: list[str] | None = None) -> int:
    """Measure; returns 0, or 2 after one line about bad input."""
    parser = argparse.ArgumentParser(
        description="Measure the networks and blocks of a work file. The same command goes on "
        "where it was stopped. Take the results to `nas latency table --from RESULTS`."
    )
    parser.add_argument("work", type=Path, help="the work file of `nas latency script`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="where the results go")
    parser.add_argument("--device", default="onnxruntime", help=", ".join(DEVICES))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--passes", type=int, default=PASSES, help="times that all is measured")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="readings in a pass")
    given = parser.parse_args(arguments)
    cores = usable_cores()
    try:
        if given.device.partition(":")[0] not in DEVICES:
            raise ValueError(f"no device '{given.device}'; use {', '.join(DEVICES)}")
        if not 1 <= given.threads <= cores or min(given.passes, given.rounds) < 1:
            raise ValueError(f"--threads must be 1 to {cores} here, --passes and --rounds above 0")
        work = _read(given.work)
        measure_work(
            work,
            given.out,
            device=given.device,
            threads=given.threads,
            passes=given.passes,
            rounds=given.rounds,
            progress=lambda done, groups: print(f"\r{done} of {groups} groups", end="", flush=True),
        )
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"\nmeasure: {error}", file=sys.stderr)
        return 2
    print(f"\nwrote {given.out}")
    return 0


def _read(path: Path) -> dict[str, object]:
    try:
        work: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        if not {"alone", "networks", "parts", "batch"} <= set(work):
            raise ValueError
    except (ValueError, TypeError):
        raise ValueError(f"{path} is no work file of `nas latency script`") from None
    return work


if __name__ == "__main__":
    sys.exit(main())
