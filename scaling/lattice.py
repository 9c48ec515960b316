"""What a grid is chosen from: every combination of steps in depth, width and resolution.

Rounding makes each dimension a step function of its multiplier (`nas.scaling.steps`), so that every
combination of steps is one network. Costs are counted for a whole line of depths at once: each
layer behind a stage's second costs what the second does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.cost import layer_costs, network_cost
from nas.scaling.coefficients import Multipliers
from nas.scaling.mixture import DIMENSIONS, Dimension
from nas.scaling.steps import Direction, last_true, roundest
from nas.scaling.transform import scale
from nas.spec import ArchSpec

COUNTED = ("flops", "params", "activations")
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """The closed interval of multipliers that round to the same network."""

    low: float
    high: float

    @property
    def multiplier(self) -> float:
        """The number with the fewest decimals in it; 1 where that leaves the baseline alone."""
        return roundest(self.low, self.high)

    def holds_multiple_of(self, step: float) -> bool:
        """Whether 1, 1 + step, 1 + 2 * step, ... meets the interval."""
        first = math.floor((self.low - 1) / step)
        # 1 + 3 * 0.05 is 1.1500000000000001: rounded, it is the number that a person types.
        numbers = (round(1 + count * step, 12) for count in range(first, first + 3))
        return any(self.low <= number <= self.high for number in numbers)


Place = tuple[int, int, int]
"""Which step of depth, of width and of resolution."""


@dataclass(frozen=True)
class Lattice:
    """The steps of each dimension, from the baseline (the first of each) up."""

    baseline: ArchSpec
    resolution_multiple: int
    depths: tuple[Interval, ...]
    widths: tuple[Interval, ...]
    resolutions: tuple[Interval, ...]

    @cached_property
    def multipliers(self) -> tuple[tuple[float, ...], ...]:
        """The shortest multipliers of depth, of width and of resolution."""
        dimensions = (self.depths, self.widths, self.resolutions)
        return tuple(tuple(level.multiplier for level in levels) for levels in dimensions)

    def at(self, place: Place) -> Multipliers:
        """The shortest multipliers that round to the network at a place."""
        depth, width, resolution = (
            values[index] for values, index in zip(self.multipliers, place, strict=True)
        )
        return Multipliers(depth, width, resolution)

    def network(self, place: Place) -> ArchSpec:
        """The network at a place."""
        asked = self.at(place)
        return scale(
            self.baseline,
            depth=asked.depth,
            width=asked.width,
            resolution=asked.resolution,
            resolution_multiple=self.resolution_multiple,
        )

    def counts(self, width: int, resolution: int) -> Mapping[str, Counts]:
        """FLOPs, parameters and activations (d,) of all depths at one width and resolution."""
        arch = self.network((0, width, resolution))
        whole, layers = network_cost(arch), layer_costs(arch)
        return {
            name: getattr(whole, name)
            + self._added_layers @ np.array([getattr(each, name) for each in layers])
            for name in COUNTED
        }

    @property
    def blocks(self) -> Counts:
        """Blocks (d,) of a network at each depth."""
        return np.asarray(self.baseline.depth + self._added_layers.sum(axis=1))

    @cached_property
    def _added_layers(self) -> Counts:
        """Layers (d, stages) that each depth adds to the baseline's."""
        baseline = np.array([stage.layers for stage in self.baseline.stages], dtype=np.int64)
        grown = [self.network((index, 0, 0)) for index in range(len(self.depths))]
        return np.array([[stage.layers for stage in arch.stages] for arch in grown]) - baseline


def steps_of(
    baseline: ArchSpec,
    by: Dimension,
    resolution_multiple: int,
    within: Callable[[ArchSpec], bool],
) -> Iterator[Interval]:
    """The steps of one dimension from the baseline up, as far as they alone are `within`.

    The coefficients are at least 1, so the first interval begins there. A multiplier of exactly 1
    leaves the baseline alone, also where the step function would round it to something else.
    """
    direction = Direction(baseline, by, resolution_multiple=resolution_multiple)
    start = 1.0
    if direction.network(1.0) != baseline:
        yield Interval(1.0, 1.0)
        start = math.nextafter(1.0, 2.0)
    while (arch := direction.try_network(start)) is not None:
        if not within(arch):
            return
        sizes = direction.sizes(start)

        def same(at: float, sizes: object = sizes) -> bool:
            return direction.sizes(at) == sizes

        end, after = last_true(same, start, direction.reach(start, lambda at: not same(at)))
        yield Interval(start, end)
        start = after


def lattice_of(
    baseline: ArchSpec,
    within: Mapping[Dimension, Callable[[ArchSpec], bool] | None],
    *,
    step: float | None,
    resolution_multiple: int,
) -> Lattice:
    """The steps in every dimension that are `within` alone; None leaves a dimension as it is.

    step: keep only steps that a grid of that step in the multipliers would meet; None keeps all.
    """

    def levels(by: Dimension) -> tuple[Interval, ...]:
        allowed = within[by]
        if allowed is None:
            return (Interval(1.0, 1.0),)
        found = steps_of(baseline, by, resolution_multiple, allowed)
        return tuple(level for level in found if step is None or level.holds_multiple_of(step))

    return Lattice(baseline, resolution_multiple, *map(levels, DIMENSIONS))
