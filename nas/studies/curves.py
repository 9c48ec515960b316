"""The networks of a scaling study: curves of one baseline grown in one way, step by step.

Every point is the network whose built, rounded FLOPs are nearest to an asked multiple of the
baseline's; where rounding leaves no other network, there is no point, and the curve says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nas.cost import Cost, network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import Multipliers, ScalingCoefficients
from nas.scaling.sized_family import LARGEST_RATIO
from nas.scaling.steps import By, Direction, Step
from nas.scaling.target import fit_to_flops
from nas.scaling.transform import scale
from nas.spec import ArchSpec

FAR = 0.15
"""Beyond this relative distance from the asked ratio, a point is worth a remark."""


@dataclass(frozen=True)
class CurvePoint:
    """One network of a curve.

    multipliers: depth, width, resolution over the study's baseline, before rounding, as the
    shortest numbers that give the network. asked: FLOPs over the curve's first network that were
    asked for. ratio: built FLOPs over the study's baseline.
    """

    arch: ArchSpec
    cost: Cost
    multipliers: Multipliers
    asked: float
    ratio: float

    @property
    def nominal_ratio(self) -> float:
        """What the multipliers promise: depth * width^2 * resolution^2."""
        return self.multipliers.nominal_ratio


@dataclass(frozen=True)
class Curve:
    """Networks in growing order; the first is what the others grow from.

    notes: what rounding did to the asked ratios.
    """

    name: str
    by: By
    points: tuple[CurvePoint, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyCurves:
    """All curves of a study: those from the baseline, and those of growing width for Figure 4."""

    dimensions: tuple[Curve, ...]
    widths: tuple[Curve, ...]

    @property
    def all(self) -> tuple[Curve, ...]:
        """Both kinds."""
        return (*self.dimensions, *self.widths)

    @property
    def networks(self) -> tuple[ArchSpec, ...]:
        """Every distinct network once, the cheapest first."""
        points = {point.arch.digest(): point for curve in self.all for point in curve.points}
        ordered = sorted(points.values(), key=lambda point: point.cost.flops)
        return tuple(point.arch for point in ordered)

    @property
    def notes(self) -> tuple[str, ...]:
        """What rounding did to the asked ratios."""
        return tuple(note for curve in self.all for note in curve.notes)


def dimension_curves(
    baseline: ArchSpec,
    dimensions: Sequence[By],
    ratios: Iterable[float],
    coefficients: ScalingCoefficients,
    *,
    resolution_multiple: int,
) -> tuple[Curve, ...]:
    """A curve from the baseline for each dimension; "compound" grows by `coefficients`.

    Raises: ConfigError for a ratio that makes no network, or a dimension left without any.
    """
    origin = network_cost(baseline).flops
    asked = checked_ratios(ratios)
    return tuple(
        _curve(
            by,
            Direction(
                baseline, by, coefficients if by == "compound" else None, resolution_multiple
            ),
            asked,
            origin,
            Multipliers(1, 1, 1),
        )
        for by in dimensions
    )


def width_curves(
    baseline: ArchSpec,
    starts: Iterable[tuple[float, float]],
    ratios: Iterable[float],
    *,
    resolution_multiple: int,
) -> tuple[Curve, ...]:
    """The paper's Figure 4: growing width at each fixed (depth, resolution) of `starts`.

    ratios: FLOPs over the curve's own first network. Raises: as `dimension_curves`.
    """
    origin = network_cost(baseline).flops
    asked = checked_ratios(ratios)
    curves = []
    for depth, resolution in starts:
        first = scale(
            baseline, depth=depth, resolution=resolution, resolution_multiple=resolution_multiple
        )
        direction = Direction(first, "width", resolution_multiple=resolution_multiple)
        fixed = Multipliers(depth, 1, resolution)
        name = width_curve_name(depth, resolution)
        curves.append(_curve(name, direction, asked, origin, fixed))
    return tuple(curves)


def width_curve_name(depth: float, resolution: float) -> str:
    """Of growing width at a fixed depth and resolution, as multipliers."""
    return f"width at depth {depth:g}, resolution {resolution:g}"


def checked_ratios(ratios: Iterable[float]) -> tuple[float, ...]:
    """In growing order, each once. Raises: ConfigError for one that is no growth."""
    asked = sorted(set(ratios))
    for ratio in asked:
        if not 1 < ratio <= LARGEST_RATIO:
            raise ConfigError(
                f"--ratios has {ratio:g}; a study grows the baseline, so ratios are above 1 (and "
                f"at most {LARGEST_RATIO:,}), such as 1.5,2,3,4"
            )
    if not asked:
        raise ConfigError("--ratios is empty; give numbers above 1, such as 1.5,2,3,4")
    return tuple(asked)


def _nearest(name: str, direction: Direction, flops: int, ratio: float) -> Step:
    try:
        return fit_to_flops(direction, flops).nearest
    except ConfigError:
        raise ConfigError(
            f"{name}: no network of {ratio:g} times the FLOPs can be built; lower --ratios, or "
            "leave it out"
        ) from None


def _curve(
    name: str, direction: Direction, asked: Sequence[float], origin: int, fixed: Multipliers
) -> Curve:
    """fixed: multipliers that the direction's own baseline has over the study's."""
    first = direction.baseline
    first_cost = network_cost(first)
    points = [CurvePoint(first, first_cost, fixed, 1.0, first_cost.flops / origin)]
    notes = []
    for ratio in asked:
        step = _nearest(name, direction, round(first_cost.flops * ratio), ratio)
        if step.arch.digest() == points[-1].arch.digest():
            same = (
                "the network it starts from" if len(points) == 1 else f"{points[-1].asked:g} times"
            )
            notes.append(f"{name}: {ratio:g} times the FLOPs rounds to {same}")
            continue
        realised = step.cost.flops / first_cost.flops
        if abs(realised / ratio - 1) > FAR:
            notes.append(
                f"{name}: the network nearest to {ratio:g} times the FLOPs costs {realised:.2f} "
                "times as much"
            )
        grown = direction.multipliers(step.multiplier)
        multipliers = Multipliers(
            fixed.depth * grown.depth,
            fixed.width * grown.width,
            fixed.resolution * grown.resolution,
        )
        arch = dataclasses.replace(
            step.arch, name=f"{first.name or 'network'} {name} {realised:.2f}x"
        )
        points.append(CurvePoint(arch, step.cost, multipliers, ratio, step.cost.flops / origin))
    if len(points) == 1:
        after = fit_to_flops(direction, round(first_cost.flops * asked[-1])).above
        larger = after and f"the next network costs {after.cost.flops / first_cost.flops:.2f} times"
        raise ConfigError(
            f"{name}: up to {asked[-1]:g} times the FLOPs rounding leaves only the network it "
            f"starts from; {larger or 'there is none larger'}: raise --ratios, or leave it out"
        )
    return Curve(name, direction.by, tuple(points), tuple(notes))
