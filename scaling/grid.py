"""The grid of a scaling fit: distinct networks, not numbers.

Rounding makes many (alpha, beta, gamma) the same network: the 108 points of the one public re-run
(microsoft/nni, examples/trials/efficientnet) are 65 networks, which cost 1.93 to 3.33 times B0
though each point promises about 2. So each dimension is followed from step to step
(`nas.scaling.steps`), every combination of steps is one network, and the constraint is on what the
built network really costs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from nas.cost import Cost, network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import Multipliers, ScalingCoefficients
from nas.scaling.constraints import Constraint, find_constraint
from nas.scaling.mixture import DIMENSIONS
from nas.scaling.steps import By, Direction, last_true, roundest
from nas.scaling.transform import scale
from nas.spec import ArchSpec

TOLERANCES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""The tolerances that are offered where one leaves too few networks."""


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


@dataclass(frozen=True)
class GridPoint:
    """One network of the grid, with every (alpha, beta, gamma) that rounds to it.

    ratio: what the network really costs over the baseline, in the grid's constraint.
    """

    arch: ArchSpec
    cost: Cost
    ratio: float
    alpha: Interval
    beta: Interval
    gamma: Interval

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
    constraint: str
    ratio: float
    tolerance: float
    points: tuple[GridPoint, ...]


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
    if not 1 < ratio <= 64:
        raise ConfigError(f"--ratio is {ratio:g}; a fit needs more than 1, such as the paper's 2")
    if not 0 < tolerance < 1:
        raise ConfigError(f"--tolerance is {tolerance:.0%}; it must be between 0 and 100 %")
    if ratio * (1 - tolerance) <= 1:
        raise ConfigError(
            f"{ratio:g} times the baseline, give or take {tolerance:.3g} of that, includes the "
            "baseline itself; lower --tolerance or raise --ratio"
        )
    if step is not None and not 0 < step <= 1:
        raise ConfigError(f"--step is {step:g}; it must be above 0 and at most 1, such as 0.05")
    origin = held.of(baseline)
    ceiling = origin * ratio * (1 + tolerance)
    floor = origin * ratio * (1 - tolerance)

    levels = [
        tuple(
            level
            for level in _levels(baseline, by, resolution_multiple, held, ceiling)
            if step is None or level.holds_multiple_of(step)
        )
        for by in DIMENSIONS
    ]
    alphas, betas, gammas = levels
    points = []
    for alpha, beta in itertools.product(alphas, betas):
        for gamma in gammas:
            multipliers = Multipliers(alpha.multiplier, beta.multiplier, gamma.multiplier)
            arch = _network(baseline, multipliers, resolution_multiple)
            value = held.of(arch)
            if value > ceiling:
                # More pixels cost no less: most of a large grid is never looked at.
                break
            if value >= floor:
                grown = value / origin
                points.append(GridPoint(arch, network_cost(arch), grown, alpha, beta, gamma))
    unique = {point.arch.digest(): point for point in reversed(points)}
    ordered = sorted(unique.values(), key=lambda point: (point.ratio, point.arch.digest()))
    return Grid(baseline, constraint, ratio, tolerance, tuple(ordered))


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
            constraint=grid.constraint,
            **settings,  # type: ignore[arg-type]
        )
        if len(wider.points) >= least:
            return tolerance
    return None


def _network(baseline: ArchSpec, multipliers: Multipliers, resolution_multiple: int) -> ArchSpec:
    return scale(
        baseline,
        depth=multipliers.depth,
        width=multipliers.width,
        resolution=multipliers.resolution,
        resolution_multiple=resolution_multiple,
    )


def _levels(
    baseline: ArchSpec, by: By, resolution_multiple: int, constraint: Constraint, ceiling: float
) -> Iterator[Interval]:
    """The steps of one dimension from the baseline up, as far as they alone stay below `ceiling`.

    The coefficients are at least 1, so the first interval begins there. A multiplier of exactly 1
    leaves the baseline alone, also where the step function would round it to something else.
    """
    exponents: dict[str, float] = dict(zip(DIMENSIONS, constraint.exponents, strict=True))
    if not exponents[by]:
        yield Interval(1.0, 1.0)
        return
    direction = Direction(baseline, by, resolution_multiple=resolution_multiple)
    start = 1.0
    if direction.network(1.0) != baseline:
        yield Interval(1.0, 1.0)
        start = math.nextafter(1.0, 2.0)
    while (arch := direction.try_network(start)) is not None:
        if constraint.of(arch) > ceiling:
            return

        def same(at: float, arch: ArchSpec = arch) -> bool:
            return direction.try_network(at) == arch

        end, after = last_true(same, start, direction.reach(start, lambda at: not same(at)))
        yield Interval(start, end)
        start = after
