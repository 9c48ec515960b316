"""`ghost-toy`: a formula in place of an accuracy. It measures nothing and predicts nothing.

It is here to show an evaluator's shape and to let a search run in seconds: more parameters and
more layers count for more, with diminishing returns, so that a FLOPs target poses a real choice.
"""

from __future__ import annotations

import math

from nas.cost import network_cost
from nas.evaluators.base import Accuracy, EvaluationContext
from nas.spec import ArchSpec

SOURCE = "toy formula of ghost-nas, not an accuracy of anything"


class GhostToy:
    """0.8 times a saturating function of parameters and depth."""

    name = "ghost-toy"
    cheap = True

    def prepare(self, context: EvaluationContext) -> None:
        """Nothing to load; a real evaluator would refuse a space that it cannot judge here."""

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """The formula's value, in [0, 0.8)."""
        size = network_cost(arch).params / 3e6
        depth = arch.depth / 16
        return Accuracy(0.8 * (1 - math.exp(-size - 0.5 * depth)), SOURCE)
