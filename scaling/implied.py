"""Which phi the formula would need to give a published member.

No single one: depth, width and resolution of each released network imply different exponents.
This file measures by how much, and sets the formula's nearest networks beside the released ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas.scaling.coefficients import PAPER, Multipliers, ScalingCoefficients
from nas.scaling.family import (
    RESOLUTION_MULTIPLE,
    Member,
    formula_member,
    published_family,
)
from nas.spec import ArchSpec


@dataclass(frozen=True)
class ImpliedPhi:
    """The phi that each quantity of a network implies; None where its coefficient is 1.

    nominal: log2 of d * w^2 * r^2, as "FLOPs grow by 2^phi" reads before rounding.
    realised: log2 of the built network's FLOPs ratio.
    best: the least-squares phi over the logarithms of the three multipliers.
    """

    depth: float | None
    width: float | None
    resolution: float | None
    nominal: float
    realised: float
    best: float


@dataclass(frozen=True)
class Comparison:
    """A released member, the phi it implies, and the formula at its index and at its best phi."""

    released: Member
    implied: ImpliedPhi
    at_index: Member
    at_best: Member


def best_phi(multipliers: Multipliers, coefficients: ScalingCoefficients) -> float:
    """The phi whose formula is nearest: least squares over log depth, width and resolution.

    With all coefficients 1 every phi is as near as any other: the result is 0.
    """
    steps = [math.log(value) for value in _values(coefficients)]
    grown = [math.log(value) for value in _multiplier_values(multipliers)]
    norm = sum(step * step for step in steps)
    if norm == 0:
        return 0.0
    return sum(step * growth for step, growth in zip(steps, grown, strict=True)) / norm


def implied_phi(
    multipliers: Multipliers, realised_ratio: float, coefficients: ScalingCoefficients = PAPER
) -> ImpliedPhi:
    """The phi that each dimension and each FLOPs ratio implies under `coefficients`."""
    depth, width, resolution = (
        None if base == 1 else math.log(value) / math.log(base)
        for value, base in zip(_multiplier_values(multipliers), _values(coefficients), strict=True)
    )
    return ImpliedPhi(
        depth=depth,
        width=width,
        resolution=resolution,
        nominal=math.log2(multipliers.nominal_ratio),
        realised=math.log2(realised_ratio),
        best=best_phi(multipliers, coefficients),
    )


def compare_with_published(
    baseline: ArchSpec | None = None,
    coefficients: ScalingCoefficients = PAPER,
    *,
    resolution_multiple: int = RESOLUTION_MULTIPLE,
) -> tuple[Comparison, ...]:
    """B1..B7 as released, each beside the formula's networks. B0 is the baseline in every rule."""
    released = published_family(baseline, resolution_multiple=resolution_multiple)
    origin = released[0].arch if baseline is None else baseline
    rows = []
    for index, member in enumerate(released[1:], start=1):
        implied = implied_phi(member.multipliers, member.realised_ratio, coefficients)
        at_index, at_best = (
            formula_member(origin, coefficients, phi, resolution_multiple=resolution_multiple)
            for phi in (float(index), implied.best)
        )
        rows.append(Comparison(member, implied, at_index, at_best))
    return tuple(rows)


def _values(coefficients: ScalingCoefficients) -> tuple[float, float, float]:
    return coefficients.alpha, coefficients.beta, coefficients.gamma


def _multiplier_values(multipliers: Multipliers) -> tuple[float, float, float]:
    return multipliers.depth, multipliers.width, multipliers.resolution
