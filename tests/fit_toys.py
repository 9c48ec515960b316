"""Evaluators that stand in for training in a scaling fit: a known surface, and a seed's luck."""

from __future__ import annotations

import math
import os
import random
import time
from pathlib import Path

from nas.evaluators.base import Accuracy, EvaluationContext
from nas.spec import ArchSpec

SEED_SD = 0.003


def growth(arch: ArchSpec) -> tuple[float, float, float]:
    """Logarithms of depth, stage width and side; of no unit."""
    return (
        math.log(arch.depth),
        2 * math.log(arch.stages[3].channels),
        2 * math.log(arch.resolution),
    )


class Wide:
    """Likes width most; the truth of a network is `truth`."""

    name = "wide"
    cheap = True

    def prepare(self, context: EvaluationContext) -> None:
        """Nothing to prepare."""

    def truth(self, arch: ArchSpec) -> float:
        """Accuracy without luck."""
        depth, width, side = growth(arch)
        return 0.2 + 0.02 * depth + 0.05 * width + 0.03 * side

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """The truth, and luck that follows from network and seed."""
        luck = random.Random(f"{arch.digest()}-{seed}").gauss(0, SEED_SD)
        return Accuracy(self.truth(arch) + luck, "a known surface")


class Lengths(Wide):
    """Has lengths of training, which change nothing."""

    name = "lengths"
    option_names = ("epochs",)


class Turning(Wide):
    """What pays in short trainings (width) is not what pays in long ones (depth)."""

    name = "turning"
    option_names = ("epochs",)

    def prepare(self, context: EvaluationContext) -> None:
        """Note the length."""
        self._long = int(str(context.options["epochs"])) > 1

    def truth(self, arch: ArchSpec) -> float:
        """Accuracy without luck."""
        depth, width, side = growth(arch)
        for_depth, for_width = (0.08, 0.02) if self._long else (0.02, 0.05)
        return 0.2 + for_depth * depth + for_width * width + 0.03 * side


class Level(Wide):
    """No network is better than another."""

    name = "level"

    def truth(self, arch: ArchSpec) -> float:
        """The same for all."""
        return 0.5


class Patchy(Wide):
    """Some networks cannot be trained."""

    name = "patchy"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """An accuracy, or an error for one network in five."""
        if int(arch.digest(), 16) % 5 == 0:
            raise RuntimeError("out of luck")
        return super().evaluate(arch, seed=seed)


class Hopeless(Wide):
    """No network can be trained."""

    name = "hopeless"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """Never an accuracy."""
        raise RuntimeError("out of luck")


class Slow(Wide):
    """In workers; notes what it was paid for in the file that FIT_LOG names."""

    name = "slow"
    cheap = False

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """As `Wide`, after a while."""
        time.sleep(float(os.environ.get("FIT_SECONDS", "0.02")))
        if "FIT_LOG" in os.environ:
            with Path(os.environ["FIT_LOG"]).open("a", encoding="utf-8") as log:
                log.write(f"{arch.digest()} {seed}\n")
        return super().evaluate(arch, seed=seed)
