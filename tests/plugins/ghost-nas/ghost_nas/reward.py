"""`ghost-linear`: accuracy, less a tenth for every target's worth of FLOPs too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nas.arithmetic import Cost

PENALTY = 0.1


@dataclass(frozen=True)
class LinearPenalty:
    """Accuracy - 0.1 * max(0, FLOPs / T - 1). It may be negative."""

    target_flops: int
    name: ClassVar[str] = "ghost-linear"

    def __call__(self, accuracy: float, cost: Cost) -> float:
        """The reward; equal to the accuracy at or below the target."""
        return accuracy - PENALTY * max(0.0, cost.flops / self.target_flops - 1.0)
