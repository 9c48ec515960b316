"""What growth brings: gains with their intervals, the luck they are told from, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nas.errors import ConfigError

Verdict = Literal["saturates", "slows down", "still gains", "loses", "cannot be told"]

LEVEL = 0.9


@dataclass(frozen=True)
class Noise:
    """Spread of one training's accuracy over seeds, and the degrees of freedom it is known by."""

    sd: float
    degrees: int


@dataclass(frozen=True)
class Estimate:
    """A figure and half the width of its interval of level `LEVEL`, in accuracy."""

    value: float
    half: float

    @property
    def low(self) -> float:
        """The lower end."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return self.value + self.half


@dataclass(frozen=True)
class Gains:
    """Of one curve: accuracy gained by a doubling of FLOPs before and after the split.

    bend: early minus late. last: the largest ratio.
    """

    early: Estimate
    late: Estimate
    bend: Estimate
    last: float

    @property
    def verdict(self) -> Verdict:
        """What the intervals allow to say."""
        if self.late.high < 0:
            return "loses"
        if self.bend.low > 0:
            return "slows down" if self.late.low > 0 else "saturates"
        return "still gains" if self.late.low > 0 else "cannot be told"


def pooled_noise(rows: Iterable[Sequence[float]]) -> Noise:
    """The spread over seeds within networks. Raises: ConfigError if no network has two seeds."""
    groups = [np.asarray(row, dtype=float) for row in rows if len(row) > 1]
    degrees = sum(len(group) - 1 for group in groups)
    if not degrees:
        raise ConfigError(
            "no network of the study was trained with two seeds, so nothing tells luck from merit"
        )
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    return Noise(math.sqrt(squares / degrees), degrees)
