"""Networks of equal FLOPs, each grown from one baseline by another rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.sized_family import sized_family
from nas.spec import ArchSpec

WITHIN = 0.05
"""Realised FLOPs of rivals differ by no more than this from the common figure."""

# Finer sides only where coarser ones leave no network near enough.
_MULTIPLES = (8, 4, 2, 1)
# Targets this far apart miss no common figure by much, and few leave the first rule out.
_STEP = 0.05
_STEPS = 6


@dataclass(frozen=True)
class Rivals:
    """ratio: the common FLOPs over the baseline's. left_out: rule -> why it has no network."""

    ratio: float
    networks: Mapping[str, ArchSpec]
    left_out: Mapping[str, str]


def rivals(
    baseline: ArchSpec, rules: Mapping[str, ScalingCoefficients], ratio: float, largest_px: int
) -> Rivals:
    """A network of every rule within 5 % of common FLOPs, near `ratio` times the baseline's.

    Rounding leaves each rule few networks (compound scaling of B0 at 64 px: at 1.6 and at 2.4
    times its FLOPs, none between), so the common figure is the one, within 30 % of `ratio`, at
    which the first rule has a network and the most others have one too.
    """
    first = next(iter(rules))
    # 0, 1, -1, 2, -2, ...: of equals the nearest is taken.
    steps = sorted(range(-_STEPS, _STEPS + 1), key=abs)
    best = Rivals(ratio, {}, {})
    for step in steps:
        found = _at(baseline, rules, ratio * (1 + _STEP * step), largest_px)
        if _merit(found, first) > _merit(best, first):
            best = found
        if len(best.networks) == len(rules):
            break
    return best


def _merit(found: Rivals, first: str) -> tuple[bool, int]:
    return first in found.networks, len(found.networks)


def _at(
    baseline: ArchSpec, rules: Mapping[str, ScalingCoefficients], ratio: float, largest_px: int
) -> Rivals:
    networks, left_out = {}, {}
    for rule, coefficients in rules.items():
        found = _nearest(baseline, rule, coefficients, ratio)
        if isinstance(found, str):
            left_out[rule] = found
        elif found.resolution > largest_px:
            left_out[rule] = f"it needs {found.resolution} px and the images have {largest_px}"
        else:
            networks[rule] = found
    return Rivals(ratio, networks, left_out)


def _nearest(
    baseline: ArchSpec, rule: str, coefficients: ScalingCoefficients, ratio: float
) -> ArchSpec | str:
    origin, gaps = network_cost(baseline).flops, []
    for multiple in _MULTIPLES:
        try:
            arch = sized_family(
                baseline, rule, coefficients, [ratio], resolution_multiple=multiple
            )[-1].arch
        except ConfigError as error:
            return str(error)
        gap = network_cost(arch).flops / origin / ratio - 1
        if abs(gap) <= WITHIN:
            return arch
        gaps.append(gap)
    return f"its nearest network is {100 * min(gaps, key=abs):+.0f} % off"
