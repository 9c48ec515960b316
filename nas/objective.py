"""What a search maximises: the reward, the bounds, the objectives.

ACC * (FLOPs / T)^w. With one exponent on both sides of T, T is a constant factor: the winner is
the same for every T. The *hard* form (MnasNet, 1807.11626, equation 3 with alpha 0 and beta -1)
honours T: accuracy counts in full up to T and falls as 1 / FLOPs beyond. The *paper* form
(EfficientNet, 1905.11946) has w = -0.07 on both sides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from nas.arithmetic import Cost
from nas.errors import ConfigError

PAPER_EXPONENT = -0.07
"""MnasNet, section 3: twice the latency is worth about 5 % more accuracy, -log2(1.05)."""


class Reward(Protocol):
    """A scalar that a search maximises. Plug-ins offer a factory that is called with
    `target_flops`.
    """

    @property
    def name(self) -> str:
        """The name typed after `--reward`."""

    def __call__(self, accuracy: float, cost: Cost) -> float:
        """The reward of a network with this accuracy (a fraction) and cost."""


@dataclass(frozen=True)
class WeightedProduct:
    """ACC * (FLOPs / T)^w with w = `below` at or below T and `above` beyond it.

    Raises: ConfigError for a positive exponent, which would reward cost for its own sake.
    """

    name: str
    target_flops: int
    below: float
    above: float

    def __post_init__(self) -> None:
        for exponent in (self.below, self.above):
            if not math.isfinite(exponent) or exponent > 0:
                raise ConfigError(
                    f"w is {exponent:g}; ACC * (FLOPs / T)^w needs w <= 0, or more FLOPs would be "
                    "a reward in themselves; try -0.07"
                )

    def __call__(self, accuracy: float, cost: Cost) -> float:
        """The reward; equal to the accuracy at FLOPs = T."""
        exponent = self.below if cost.flops <= self.target_flops else self.above
        return float(accuracy * (cost.flops / self.target_flops) ** exponent)


def hard_reward(target_flops: int) -> WeightedProduct:
    """MnasNet's hard form, the default: w = 0 at or below T, -1 above."""
    return WeightedProduct("hard", target_flops, 0.0, -1.0)


def paper_reward(target_flops: int) -> WeightedProduct:
    """EfficientNet's form: w = -0.07 on both sides."""
    return WeightedProduct("paper", target_flops, PAPER_EXPONENT, PAPER_EXPONENT)


Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Bound:
    """A limit on one exactly known or predicted figure, checked before anything is paid for."""

    metric: str
    limit: float
    side: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        if not math.isfinite(self.limit) or self.limit <= 0:
            raise ConfigError(f"bound on {self.metric} is {self.limit:g}; it must be positive")

    def violation(self, figures: Mapping[str, float]) -> float:
        """How far beyond the limit, relative to it; zero or less where the bound is met."""
        value = figures[self.metric]
        if self.side == "max":
            return value / self.limit - 1.0
        return math.inf if value <= 0 else self.limit / value - 1.0

    def describe(self) -> str:
        """The bound in words: "flops <= 4e+08"."""
        return f"{self.metric} {'<=' if self.side == 'max' else '>='} {self.limit:g}"


def direction(objective: str) -> Direction:
    """Optuna's direction of an objective: figures that a person wants large are maximised."""
    name = objective.partition(":")[0]
    return "maximize" if name in ("reward", "accuracy", "score", "throughput") else "minimize"
