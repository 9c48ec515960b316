"""Evaluators that stand in for training in a scaling study: known curves, and a seed's luck."""

from __future__ import annotations

import math
import os
import random
import time
from pathlib import Path

from nas.evaluators.base import Accuracy, EvaluationContext
from nas.spec import ArchSpec

SEED_SD = 0.002


class Curved:
    """Depth saturates at once; width and resolution go on. For B0 at 64 px."""

    name = "curved"
    cheap = True

    def prepare(self, context: EvaluationContext) -> None:
        """Nothing to prepare."""

    def truth(self, arch: ArchSpec) -> float:
        """Accuracy without luck."""
        deeper = math.log2(arch.depth / 16)
        wider = 2 * math.log2(arch.stages[3].channels / 80)
        larger = 2 * math.log2(arch.resolution / 64)
        return 0.5 + 0.04 * (1 - 2 ** (-3 * deeper)) + 0.03 * wider + 0.02 * larger

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """The truth, and luck that follows from network and seed."""
        luck = random.Random(f"{arch.digest()}-{seed}").gauss(0, SEED_SD)
        return Accuracy(self.truth(arch) + luck, "known curves")


class Patchy(Curved):
    """The deepest networks cannot be trained."""

    name = "patchy"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """An accuracy, or an error for what is more than twice as deep."""
        if arch.depth > 35:
            raise RuntimeError("too deep")
        return super().evaluate(arch, seed=seed)


class Hopeless(Curved):
    """No network can be trained."""

    name = "hopeless"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """Never an accuracy."""
        raise RuntimeError("out of luck")


class Slow(Curved):
    """In workers; notes what it was paid for in the file that STUDY_LOG names."""

    name = "slow"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """As `Curved`, after a while."""
        time.sleep(float(os.environ.get("STUDY_SECONDS", "0")))
        if "STUDY_LOG" in os.environ:
            with Path(os.environ["STUDY_LOG"]).open("a", encoding="utf-8") as log:
                log.write(f"{arch.digest()} {seed}\n")
        return super().evaluate(arch, seed=seed)
