"""Growth on a cost constraint as a mixture: what part of it each dimension has.

On a cost constraint only the shares matter: what part of the growth (in logarithms) goes to depth,
to width, to resolution. They are positive and add up to one, so a network is a point of a triangle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.constraints import CONSTRAINTS

Floats = NDArray[np.float64]

Dimension = Literal["depth", "width", "resolution"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

EXPONENTS: Mapping[str, tuple[float, float, float]] = {
    name: constraint.exponents for name, constraint in CONSTRAINTS.items()
}
"""With what power of depth, width and resolution a cost grows, before rounding."""

_MESH = 40


def mesh(steps: int = _MESH) -> Floats:
    """Shares (m, 3) of depth, width and resolution on a triangular lattice."""
    rows = [
        (depth, width, steps - depth - width)
        for depth in range(steps + 1)
        for width in range(steps + 1 - depth)
    ]
    return np.array(rows, dtype=np.float64) / steps


def coefficients_of(
    shares: Floats, ratio: float, exponents: Sequence[float] = EXPONENTS["flops"]
) -> ScalingCoefficients:
    """The (alpha, beta, gamma) that multiply a cost of these exponents by `ratio`, in `shares`."""
    alpha, beta, gamma = multipliers_of(shares, ratio, exponents)
    return ScalingCoefficients(float(alpha), float(beta), float(gamma))


def multipliers_of(
    shares: Floats, ratio: float, exponents: Sequence[float] = EXPONENTS["flops"]
) -> Floats:
    """Multipliers (..., 3) of depth, width and resolution for shares (..., 3) of the growth.

    A dimension that the cost does not depend on (exponent 0) has no share and stays at 1.
    """
    growth = np.log(ratio) * np.asarray(shares, dtype=np.float64)
    powers = np.asarray(exponents, dtype=np.float64)
    counted = powers > 0
    return np.asarray(np.exp(np.where(counted, growth, 0.0) / np.where(counted, powers, 1.0)))


def growth_shares(costs: Sequence[Sequence[float]]) -> Floats:
    """Shares (n, 3) from what depth, width and resolution alone would multiply the cost by.

    costs: for each network the three ratios (at least 1) of its baseline grown in one dimension
    only. Rounding makes them differ from alpha, beta^2 and gamma^2; these are what was paid.
    """
    growth = np.log(np.asarray(costs, dtype=np.float64))
    return np.asarray(growth / growth.sum(axis=1, keepdims=True))
