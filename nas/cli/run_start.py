"""What the stages of a plan take to start: each is a process, and those that train have workers.

One start is measured here and now; a stage is so many of them. The numbers of starts were measured
on 2 cores of an AMD EPYC, idle and three times overloaded, where they agreed within a third.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from nas.fitting.halving import seed_counts
from nas.pipeline.plan import Plan
from nas.pipeline.process import child_environment

_LONGEST_SECONDS = 300.0
_TRAINING, _PLAIN = "nas.training.run_job", "nas.searching.working"

# A process that reads; the workers that it starts; one that makes and runs networks itself.
_LIGHT, _WORKERS, _HEAVY = 0.5, 1.0, 1.5
# A search also asks its sampler, draws a picture and reports.
_SEARCH = 1.5
_REPORT, _FAMILY = 0.7, 0.1
# Tracing a network, and running it in onnxruntime beside, takes longer than loading torch.
_EXPORT = {"onnx": 3.5}
_OTHER_EXPORT = 1.7


def start_seconds() -> float:
    """Seconds until a new process of ours has loaded what trainings need."""
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", f"import {_TRAINING}, {_PLAIN}"],
        env=child_environment(),
        capture_output=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )
    return time.monotonic() - started


def starts(plan: Plan, parsed: Mapping[str, Mapping[str, Any]], stage: str) -> float:
    """How many starts a stage takes. parsed: stage -> what its command reads, by parameter."""
    parameters = parsed[stage]
    if stage == "search":
        return _SEARCH + (_WORKERS if parameters["data"] else 0.0)
    if stage == "trust":
        # Workers of its own for the random search, and for the longer trainings.
        return _LIGHT + _WORKERS * (1 if parameters["random"] == 0 else 2)
    if stage == "fit-scaling":
        rounds = len(seed_counts(parameters["seeds"])) * max(1, len(parameters["epochs"]))
        return 2 * _LIGHT + _WORKERS * rounds
    if stage in ("retrain", "train"):
        return _HEAVY
    if stage == "export":
        return sum(_EXPORT.get(one, _OTHER_EXPORT) for one in plan.targets) * len(plan.exported)
    return _REPORT if stage == "report" else _FAMILY
