"""The networks of a fit, with what each costs in each dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from nas.errors import ConfigError
from nas.scaling.grid import Grid, GridPoint, next_tolerance
from nas.scaling.mixture import DIMENSIONS, Dimension, Floats, growth_shares, mesh
from nas.scaling.surface import LEAST_NETWORKS
from nas.scaling.transform import scale

FEW = 12
"""Below this many networks a wider tolerance is offered."""

# A share so small is rounding of floating-point numbers.
_NOTHING = 1e-9


@dataclass(frozen=True)
class Points:
    """The grid, ready for a surface. shares: (n, 3). log_cost: (n,), log of cost over the target.

    offered: a tolerance that would leave at least `FEW` networks, where there are fewer.
    """

    grid: Grid
    resolution_multiple: int
    shares: Floats
    log_cost: Floats
    offered: float | None

    @property
    def networks(self) -> tuple[GridPoint, ...]:
        """The networks, cheapest first."""
        return self.grid.points

    @property
    def fixed(self) -> tuple[str, ...]:
        """The dimensions in which no network grows: nothing can be learnt of them."""
        return tuple(
            name
            for name, largest in zip(DIMENSIONS, self.shares.max(axis=0), strict=True)
            if largest < _NOTHING
        )

    @property
    def splits(self) -> Floats:
        """A lattice (m, 3) of shares, without growth in what is `fixed`."""
        lattice = mesh()
        held = [DIMENSIONS.index(name) for name in self.fixed]
        return lattice[(lattice[:, held] < _NOTHING).all(axis=1)]

    @property
    def grows_in_all(self) -> bool:
        """Whether some network grows in depth, width and resolution at once."""
        return bool((self.shares.min(axis=1) > _NOTHING).any())


def fit_points(
    grid: Grid,
    *,
    step: float | None,
    resolution_multiple: int,
    wider: Callable[[int], float | None] | None = None,
) -> Points:
    """Prepare a grid that was made with `step` and `resolution_multiple`.

    wider: the next tolerance that would leave so many networks, where costs cannot be counted.
    Raises: ConfigError if it has too few networks, with the tolerance that would leave enough.
    """
    count = len(grid.points)
    settings: dict[str, float | int | None] = {
        "step": step,
        "resolution_multiple": resolution_multiple,
    }

    def counted(least: int) -> float | None:
        return next_tolerance(grid, least, **settings)

    wider = wider or counted
    if count < LEAST_NETWORKS:
        offer = wider(LEAST_NETWORKS)
        hint = (
            f"try --tolerance {offer:.0%}"
            if offer is not None
            else "the baseline is too small to be scaled so little; raise --ratio, or take a "
            "larger baseline"
        )
        found = {0: "no network is", 1: "one network is"}.get(count, f"{count} networks are")
        raise ConfigError(
            f"{found} within {100 * grid.tolerance:g} % of {grid.ratio:g} times the baseline's "
            f"{grid.constraint.name}, and a fit needs at least {LEAST_NETWORKS}; {hint}"
        )
    offered = wider(FEW) if count < FEW else None
    shares = growth_shares(list(map(_alone(grid, resolution_multiple), grid.points)))
    log_cost = np.log([point.ratio / grid.ratio for point in grid.points])
    points = Points(grid, resolution_multiple, shares, log_cost, offered)
    if len(points.fixed) == len(DIMENSIONS) - 1:
        (grown,) = set(DIMENSIONS) - set(points.fixed)
        raise ConfigError(
            f"all {count} networks within {100 * grid.tolerance:g} % grow in {grown} alone, so "
            "there is nothing to compare; widen --tolerance, raise --ratio, or take a larger "
            "baseline"
        )
    return points


def _alone(grid: Grid, resolution_multiple: int) -> Callable[[GridPoint], list[float]]:
    """What depth, width and resolution alone would multiply the baseline's cost by."""
    constraint = grid.constraint
    origin = constraint.of(grid.baseline)

    # The same few hundred steps make all the networks of a large grid.
    @cache
    def grown(by: Dimension, multiplier: float) -> float:
        settings: dict[str, Any] = {by: multiplier, "resolution_multiple": resolution_multiple}
        # Rounding may make a larger multiplier cheaper (99 px become 96), which is no growth.
        return max(1.0, constraint.of(scale(grid.baseline, **settings)) / origin)

    def alone(point: GridPoint) -> list[float]:
        c = point.coefficients
        return [grown("depth", c.alpha), grown("width", c.beta), grown("resolution", c.gamma)]

    return alone
