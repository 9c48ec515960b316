"""One question of a search space: its levels, and the coordinates a model sees them at."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
"""Networks by row, parameters by column; the entry is the index of a level, or INACTIVE."""

INACTIVE = -1
"""The code of a question that this network does not ask."""

MOST_LEVELS = 33
"""Finer ranges are thinned to this many levels: a search is about the shape of a network, and 3 %
steps are finer than what a training can tell apart."""


@dataclass(frozen=True)
class Parameter:
    """A named question with a finite list of answers."""

    name: str
    distribution: BaseDistribution
    levels: tuple[Any, ...]

    @property
    def ordered(self) -> bool:
        """Whether the answers are numbers (True and False are)."""
        return all(isinstance(level, int | float) for level in self.levels)

    @property
    def kind(self) -> str:
        """The name without digits: `stage0.kernel` and `stage6.kernel` are one kind."""
        return re.sub(r"\d+", "", self.name)

    @property
    def part(self) -> str:
        """The name up to its last dot: the part of the network that the question is about."""
        return self.name.rpartition(".")[0] or self.name

    def code(self, value: Any) -> int:
        """The index of `value`, or of the nearest level where a number is none of them.

        Returns: INACTIVE for a value that is no answer of this question.
        """
        if value in self.levels:
            return self.levels.index(value)
        if not self.ordered or not isinstance(value, int | float):
            return INACTIVE
        return int(np.argmin([abs(float(level) - value) for level in self.levels]))

    def coordinates(self) -> Floats:
        """(levels, columns): one column where ordered, one per level elsewhere.

        Positive numbers are taken by logarithm, since sizes act by ratio. Over the levels, columns
        have mean 0, and their squares sum to 1 on average.
        """
        count = len(self.levels)
        if count == 1:
            return np.zeros((1, 1))
        if not self.ordered:
            return (np.eye(count) - 1 / count) / math.sqrt(1 - 1 / count)
        numbers = np.array([float(level) for level in self.levels])
        if (numbers > 0).all():
            numbers = np.log(numbers)
        return np.asarray((numbers - numbers.mean()) / numbers.std())[:, None]


def parameter(name: str, distribution: BaseDistribution) -> Parameter:
    """The question that an Optuna distribution asks."""
    if isinstance(distribution, CategoricalDistribution):
        return Parameter(name, distribution, tuple(distribution.choices))
    if isinstance(distribution, IntDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        whole = list(range(low, high + 1, step))
        return Parameter(name, distribution, tuple(_thinned(whole, distribution.log)))
    if isinstance(distribution, FloatDistribution):
        return Parameter(name, distribution, tuple(_float_levels(distribution)))
    raise TypeError(f"parameter '{name}' has a distribution of unknown kind, {distribution!r}")


def _float_levels(distribution: FloatDistribution) -> Sequence[float]:
    low, high = distribution.low, distribution.high
    if distribution.step is not None:
        count = round((high - low) / distribution.step) + 1
        # Bounded by `high`: the last sum may exceed it by a rounding error.
        return _thinned([min(low + i * distribution.step, high) for i in range(count)], False)
    if low == high:
        return [low]
    spaced = np.geomspace if distribution.log else np.linspace
    inner = spaced(low, high, MOST_LEVELS)[1:-1]
    # The ends as they were given: geomspace may round them out of the range.
    return [low, *(float(value) for value in inner), high]


def _thinned(levels: list[Any], by_ratio: bool) -> list[Any]:
    """At most MOST_LEVELS of `levels`, first and last kept."""
    if len(levels) <= MOST_LEVELS:
        return levels
    if by_ratio:
        wanted = np.geomspace(levels[0], levels[-1], MOST_LEVELS)
        picked = {int(np.argmin(np.abs(np.array(levels) - value))) for value in wanted}
    else:
        picked = {round(i) for i in np.linspace(0, len(levels) - 1, MOST_LEVELS)}
    return [levels[i] for i in sorted(picked)]
