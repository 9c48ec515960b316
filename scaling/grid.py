"""The grid of a scaling fit: distinct networks, not numbers.

Rounding makes many (alpha, beta, gamma) the same network: the 108 points of the one public re-run
(microsoft/nni, examples/trials/efficientnet) are 65 networks, which cost 1.93 to 3.33 times B0
though each point promises about 2. So each dimension is followed from step to step
(`nas.scaling.steps`), every combination of steps is one network, and the constraint is on what the
built network really costs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nas.cost import Cost, network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.constraints import Constraint, find_constraint
from nas.scaling.lattice import Interval, Lattice, Place, lattice_of
from nas.scaling.mixture import DIMENSIONS
from nas.spec import ArchSpec

TOLERANCES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""The tolerances that are offered where one leaves too few networks."""


@dataclass(frozen=True)
class Measured:
    """A cost that was measured, not counted.

    value: in the constraint's unit. low, high: the range that its readings leave to the ratio.
    noise: why they mean little; empty where they do not.
    """

    value: float
    low: float
    high: float
    noise: str = ""


@dataclass(frozen=True)
class GridPoint:
    """One network of the grid, with every (alpha, beta, gamma) that rounds to it.

    ratio: what the network really costs over the baseline, in the grid's constraint. measured:
    how that was found; None where it was counted.
    """

    arch: ArchSpec
    cost: Cost
    ratio: float
    alpha: Interval
    beta: Interval
    gamma: Interval
    measured: Measured | None = None

    @property
    def coefficients(self) -> ScalingCoefficients:
        """The shortest numbers that round to this network."""
        return ScalingCoefficients(
            self.alpha.multiplier, self.beta.multiplier, self.gamma.multiplier
        )

    @property
    def nominal_ratio(self) -> float:
        """What those coefficients promise: alpha * beta^2 * gamma^2."""
        return self.coefficients.nominal_ratio


@dataclass(frozen=True)
class Grid:
    """The networks near `ratio` times the baseline's cost, cheapest first."""

    baseline: ArchSpec
    constraint: Constraint
    ratio: float
    tolerance: float
    points: tuple[GridPoint, ...]

    def on_edge(self, point: GridPoint) -> bool:
        """Whether a point's readings leave it open if it is within the tolerance."""
        edges = self.ratio * (1 - self.tolerance), self.ratio * (1 + self.tolerance)
        found = point.measured
        return found is not None and any(found.low < edge < found.high for edge in edges)


def feasible_grid(
    baseline: ArchSpec,
    *,
    ratio: float = 2.0,
    tolerance: float = 0.1,
    constraint: str = "flops",
    step: float | None = None,
    resolution_multiple: int = 8,
) -> Grid:
    """Every distinct network whose `constraint` is within `tolerance` of `ratio` times baseline's.

    What the constraint does not count (parameters do not depend on resolution) stays as it is:
    nothing would bound it.

    tolerance: relative, 0.1 for 10 %. step: keep only networks that a grid of that step in alpha,
    beta and gamma would meet (the paper's grid, whose step is not printed); None for all.
    Raises: ConfigError for settings that make no grid.
    """
    held = find_constraint(constraint)
    check_grid(ratio, tolerance, step)
    origin = held.of(baseline)
    ceiling = origin * ratio * (1 + tolerance)
    floor = origin * ratio * (1 - tolerance)

    def within(arch: ArchSpec) -> bool:
        return held.of(arch) <= ceiling

    counted = dict(zip(DIMENSIONS, held.exponents, strict=True))
    lattice = lattice_of(
        baseline,
        {by: within if power else None for by, power in counted.items()},
        step=step,
        resolution_multiple=resolution_multiple,
    )
    points = [
        grid_point(lattice, place, value / origin)
        for place, value in _places(lattice, held.name, floor, ceiling)
    ]
    return Grid(baseline, held, ratio, tolerance, cheapest_first(points))


def cheapest_first(points: Iterable[GridPoint]) -> tuple[GridPoint, ...]:
    """By ratio, networks of the same ratio by digest."""
    ordered: list[GridPoint] = []
    for _, equal in itertools.groupby(sorted(points, key=_ratio), key=_ratio):
        tie = list(equal)
        # A digest takes longer than all else of a network, and few are tied.
        ordered += sorted(tie, key=lambda point: point.arch.digest()) if len(tie) > 1 else tie
    return tuple(ordered)


def _ratio(point: GridPoint) -> float:
    return point.ratio


def check_grid(ratio: float, tolerance: float, step: float | None) -> None:
    """Raises: ConfigError for settings that make no grid."""
    if not 1 < ratio <= 64:
        raise ConfigError(
            f"--ratio is {ratio:g}; a fit needs more than 1 and at most 64, such as the paper's 2"
        )
    if not 0 < tolerance < 1:
        raise ConfigError(f"--tolerance is {tolerance:.0%}; it must be between 0 and 100 %")
    if ratio * (1 - tolerance) <= 1:
        raise ConfigError(
            f"{ratio:g} times the baseline, give or take {tolerance:.3g} of that, includes the "
            "baseline itself; lower --tolerance or raise --ratio"
        )
    if step is not None and not 0 < step <= 1:
        raise ConfigError(f"--step is {step:g}; it must be above 0 and at most 1, such as 0.05")


def grid_point(
    lattice: Lattice, place: Place, ratio: float, measured: Measured | None = None
) -> GridPoint:
    """The network at a place of a lattice, which really costs `ratio` times the baseline."""
    arch = lattice.network(place)
    depth, width, resolution = place
    return GridPoint(
        arch,
        network_cost(arch),
        ratio,
        lattice.depths[depth],
        lattice.widths[width],
        lattice.resolutions[resolution],
        measured,
    )


def _places(
    lattice: Lattice, name: str, floor: float, ceiling: float
) -> Iterator[tuple[Place, int]]:
    """The places whose count of `name` is from `floor` to `ceiling`, with the count."""
    for width in range(len(lattice.widths)):
        for resolution, level in enumerate(lattice.resolutions):
            counts = lattice.counts(width, resolution)[name]
            if counts[0] > ceiling:
                # More pixels cost no less: most of a large lattice is never looked at. (The
                # baseline's own side may be no multiple, and the next one smaller.)
                if level.low > 1:
                    break
                continue
            for depth in np.flatnonzero((counts >= floor) & (counts <= ceiling)):
                yield (int(depth), width, resolution), int(counts[depth])


def next_tolerance(grid: Grid, least: int, **settings: float | int | None) -> float | None:
    """The next of `TOLERANCES` that leaves at least `least` networks; None where none does.

    settings: the `step` and `resolution_multiple` that the grid was made with.
    """
    for tolerance in TOLERANCES:
        if tolerance <= grid.tolerance or grid.ratio * (1 - tolerance) <= 1:
            continue
        wider = feasible_grid(
            grid.baseline,
            ratio=grid.ratio,
            tolerance=tolerance,
            constraint=grid.constraint.name,
            **settings,  # type: ignore[arg-type]
        )
        if len(wider.points) >= least:
            return tolerance
    return None
