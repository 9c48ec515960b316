"""A family whose members meet given sizes, whatever the rule.

At equal phi different rules make networks of different cost, as rounding falls differently. Here
each member is the one nearest to a realised FLOPs ratio, so that families can be compared.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import RESOLUTION_MULTIPLE, Member, published_family
from nas.scaling.published import COEFFICIENTS
from nas.scaling.steps import Direction
from nas.scaling.target import fit_to_flops
from nas.spec import ArchSpec

BASELINE_NAME = "b0"
LARGEST_RATIO = 10**6
"""Beyond any network; the released B7 has 98."""

# The released B0 and B7: their dropout grows with the network, in steps of a tenth.
_RELEASED_DROPOUT = (COEFFICIENTS["b0"].dropout, COEFFICIENTS["b7"].dropout)


def published_ratios() -> tuple[float, ...]:
    """Realised FLOPs ratios of the released B1..B7: 1.78, 2.57, 4.74, 11.4, 26.6, 49.4, 97.8."""
    return tuple(member.realised_ratio for member in published_family()[1:])


def sized_family(
    baseline: ArchSpec,
    rule: str,
    coefficients: ScalingCoefficients,
    ratios: Iterable[float] | None = None,
    *,
    resolution_multiple: int = RESOLUTION_MULTIPLE,
    grow_dropout: bool = True,
) -> tuple[Member, ...]:
    """The baseline as b0, then the network nearest to each FLOPs ratio; in ascending order.

    ratios: realised FLOPs over the baseline's; None for those of the released family. Ratios above
    1 are b1, b2, ...; one below 1 is named by itself (x0.5). grow_dropout: see `grown_dropout`.
    Nearest may be far where a rule grows in large steps, as depth does: see the realised ratios.
    Raises: ConfigError for a ratio that no network of this rule reaches.
    """
    asked = sorted(set(published_ratios() if ratios is None else ratios))
    for ratio in asked:
        if not 0 < ratio <= LARGEST_RATIO:
            raise ConfigError(
                f"a FLOPs ratio of {ratio:g} makes no network; give positive numbers up to "
                f"{LARGEST_RATIO:,}"
            )
    origin = network_cost(baseline)
    direction = Direction(baseline, "compound", coefficients, resolution_multiple)
    below = [ratio for ratio in asked if ratio < 1]
    above = [ratio for ratio in asked if ratio > 1]
    unchanged = coefficients.multipliers(0.0)
    members = [Member(BASELINE_NAME, rule, 0.0, unchanged, baseline, origin, 1.0)]
    named = [(f"x{ratio:.12g}", ratio) for ratio in below]
    named += [(f"b{index}", ratio) for index, ratio in enumerate(above, start=1)]
    for name, ratio in named:
        step = fit_to_flops(direction, round(origin.flops * ratio)).nearest
        arch = dataclasses.replace(step.arch, name=f"{baseline.name or 'network'}-{rule}-{name}")
        realised = step.cost.flops / origin.flops
        if grow_dropout:
            dropout = grown_dropout(baseline.head.dropout, realised)
            arch = dataclasses.replace(arch, head=dataclasses.replace(arch.head, dropout=dropout))
        multipliers = coefficients.multipliers(step.multiplier)
        members.append(Member(name, rule, step.multiplier, multipliers, arch, step.cost, realised))
    return tuple(sorted(members, key=lambda member: member.cost.flops))


def grown_dropout(dropout: float, ratio: float) -> float:
    """Dropout for a network of `ratio` times the baseline's FLOPs, to two decimals.

    Larger networks need more. The released family goes from 0.2 to 0.5 while FLOPs grow 97.8 times;
    here it grows by the same amount per doubling, and a baseline without dropout keeps none.
    Members smaller than the baseline keep its own.
    """
    if dropout == 0 or ratio <= 1:
        return dropout
    first, last = _RELEASED_DROPOUT
    per_doubling = (last - first) / math.log2(published_ratios()[-1])
    return round(min(dropout + per_doubling * math.log2(ratio), 0.8), 2)
