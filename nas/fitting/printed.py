"""What the paper's printed accuracies say about alpha, beta and gamma, by the surface of a fit.

The paper (Tan & Le, 1905.11946) prints no accuracy of its grid search. What it prints of scaled B0s
is Table 7 (each dimension alone, and one compound network, at 1.8 to 1.9B FLOPs) and Figure 3 (each
dimension alone, digitised). They are one training each, so the error of a seed is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.published.tables import published_rows
from nas.scaling.coefficients import PAPER
from nas.scaling.family import RESOLUTION_MULTIPLE
from nas.scaling.mixture import DIMENSIONS, EXPONENTS, Floats, growth_shares, mesh, multipliers_of
from nas.scaling.optimum import Optimum, find_optimum
from nas.scaling.surface import Readings, Surface, fit_surface
from nas.scaling.transform import scale
from nas.search_spaces.efficientnet import efficientnet_b0

SEED_SD = 0.001
"""Assumed, as a fraction: NVIDIA report 77.17 +- 0.08 % for B0 on ImageNet; figures are read to
0.05 points."""
TARGET_FLOPS_B = 1.85
"""Table 7's networks are printed with 1.8 to 1.9B."""
_WITHIN = 0.35
"""Figure 3's points with a log cost no further from the target take part."""


Row = tuple[str, tuple[float, ...], float, float]
"""Name; multipliers of depth, width and resolution; printed FLOPs in billions; top-1 in percent."""


@dataclass(frozen=True)
class PrintedFit:
    """names: of the networks, such as "width 2". region_part: of the triangle of shares.

    paper_inside: whether the region holds (1.2, 1.1, 1.15).
    """

    names: tuple[str, ...]
    readings: Readings
    surface: Surface
    optimum: Optimum
    region_part: float
    paper_inside: bool


def printed_fit() -> PrintedFit:
    """Fit the surface to Table 7 and to Figure 3's points of about its cost."""
    rows = [*_table7(), *_figure3()]
    names, multipliers, flops, top1 = zip(*rows, strict=True)
    readings = Readings(
        growth_shares([_alone(three) for three in multipliers]),
        np.log(np.array(flops) / TARGET_FLOPS_B),
        tuple((value / 100,) for value in top1),
        assumed_seed_sd=SEED_SD,
    )
    surface = fit_surface(readings)
    optimum = find_optimum(surface)
    lattice = mesh()
    paper = lattice[((lattice - paper_shares()) ** 2).sum(axis=1).argmin()]
    near = np.abs(optimum.region - paper).max(axis=1)
    return PrintedFit(
        names,
        readings,
        surface,
        optimum,
        len(optimum.region) / len(lattice),
        bool((near < 1e-9).any()),
    )


def statements(fit: PrintedFit) -> list[str]:
    """What the printed results determine and what they do not, a sentence a line."""
    region = multipliers_of(np.stack([fit.optimum.low, fit.optimum.high]), 2.0)
    spans = [
        f"{name} {low:.2f} to {high:.2f}"
        for name, low, high in zip(("alpha", "beta", "gamma"), *region, strict=True)
    ]
    corners = fit.surface.at(np.eye(3))
    heights = [
        f"{name} alone {100 * corners[:, place].mean():.1f} %"
        for place, name in enumerate(DIMENSIONS)
    ]
    mixed = 100 * (fit.readings.means.max() - corners.mean(axis=0).max())
    outside = [
        name
        for place, name in enumerate(DIMENSIONS)
        if not (fit.optimum.region[:, place] > 1 - 1e-9).any()
    ]
    inside = "inside" if fit.paper_inside else "outside"
    low, high = _realised()
    return [
        f"The paper prints no accuracy of its grid search. Table 7 and Figure 3 print "
        f"{len(fit.names)} networks near {TARGET_FLOPS_B:g}B FLOPs, one training each (an error "
        f"of {100 * SEED_SD:g} points is assumed): {', '.join(fit.names)}.",
        f"Determined: at that cost {', '.join(heights)}, and the one compound network stands "
        f"{mixed:.1f} points above the best of them; an optimum in "
        f"{' or '.join(outside) or 'nothing'} alone is ruled out.",
        f"Not determined: where the optimum is. Its 90 % region is {100 * fit.region_part:.0f} % "
        f"of the triangle ({', '.join(spans)} at twice the FLOPs); (1.2, 1.1, 1.15) is {inside} "
        "it, with much else: a single network grows in more than one dimension.",
        f"The published point is {PAPER.nominal_ratio:.2f} times B0's FLOPs by its formula and "
        f"{low:.2f} (256 px) to {high:.2f} times (258 px) as built, so it was not compared at "
        "twice the FLOPs.",
        f"Of Table 7 alone: {_refusal(fit.readings)}. Table 3 cannot be used: MobileNetV1 has no "
        "depth, and the compound MobileNetV2 and ResNet-50 are printed without coefficients.",
    ]


def paper_shares() -> Floats:
    """(3,), the parts of the growth in (1.2, 1.1, 1.15)."""
    growth = np.array(EXPONENTS["flops"]) * np.log([PAPER.alpha, PAPER.beta, PAPER.gamma])
    return np.asarray(growth / growth.sum())


def _table7() -> Iterator[Row]:
    for row in published_rows("table7_scaled_b0"):
        multipliers = float(row["d"]), float(row["w"]), float(row["r"])
        grown = [f"{value:g}" for value in multipliers if value > 1]
        if grown:
            name = f"{row['method']} {'/'.join(grown)}"
            yield name, multipliers, float(row["flops_B"]), float(row["top1_v5"])


def _figure3() -> Iterator[Row]:
    known = {name for name, *_ in _table7()}
    for row in published_rows("figure3_single_dimension"):
        coefficient, flops = float(row["coef"]), float(row["flops_B_approx"])
        name = f"{row['dimension']} {coefficient:g}"
        near = abs(math.log(flops / TARGET_FLOPS_B)) <= _WITHIN
        if near and name not in known:
            place = DIMENSIONS.index(row["dimension"])
            multipliers = tuple(coefficient if i == place else 1.0 for i in range(3))
            yield name, multipliers, flops, float(row["top1_approx"])


def _alone(multipliers: Sequence[float]) -> list[float]:
    """What depth, width and resolution alone multiply the FLOPs of our B0 by."""
    base = efficientnet_b0()
    grown = [
        scale(base, **{name: value}, resolution_multiple=RESOLUTION_MULTIPLE)  # type: ignore[arg-type]
        for name, value in zip(DIMENSIONS, multipliers, strict=True)
    ]
    origin = network_cost(base).flops
    return [network_cost(arch).flops / origin for arch in grown]


def _realised() -> list[float]:
    """FLOPs of (1.2, 1.1, 1.15) on B0 over B0's: at 256 px, and at the formula's 258 px."""
    base = efficientnet_b0()
    grown = [
        scale(
            base,
            depth=PAPER.alpha,
            width=PAPER.beta,
            resolution=PAPER.gamma,
            resolution_multiple=multiple,
        )
        for multiple in (RESOLUTION_MULTIPLE, 1)
    ]
    return [network_cost(arch).flops / network_cost(base).flops for arch in grown]


def _refusal(fit: Readings) -> str:
    """What a fit says of Table 7 without Figure 3."""
    alone = len(list(_table7()))
    try:
        Readings(fit.shares[:alone], fit.log_cost[:alone], fit.accuracies[:alone])
    except ConfigError as error:
        return str(error).partition(";")[0]
    return f"{alone} networks"
