"""A family: members of growing size, made from one baseline by one rule.

Every rule yields the same `Member`s, so that tables, files and trainings need not know which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nas.cost import Cost, network_cost
from nas.errors import ConfigError, SpecError
from nas.scaling.coefficients import Multipliers, ScalingCoefficients
from nas.scaling.published import BASELINE_PX, COEFFICIENTS, published_member
from nas.scaling.transform import scale
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec

PUBLISHED = "published"
FORMULA = "formula"

DEFAULT_PHIS = tuple(float(phi) for phi in range(8))
"""The paper scales B0 to B1..B7, and leaves open at which phi."""

RESOLUTION_MULTIPLE = 8
"""Default rounding of resolutions: most networks halve their maps five times, and one pixel beyond
a multiple costs a row and a column of every map (B0 at 257 px: 1.14 times its FLOPs at 256 px)."""


@dataclass(frozen=True)
class Member:
    """One network of a family.

    phi: the exponent that made it; None where the rule has none (the published family).
    multipliers: what the rule asked for, before rounding.
    realised_ratio: FLOPs of the built, rounded network over the baseline's.
    """

    name: str
    rule: str
    phi: float | None
    multipliers: Multipliers
    arch: ArchSpec
    cost: Cost
    realised_ratio: float

    @property
    def nominal_ratio(self) -> float:
        """FLOPs ratio that d * w^2 * r^2 promises before rounding."""
        return self.multipliers.nominal_ratio


def member_name(phi: float) -> str:
    """b0..b7 for whole phi from 0 to 7, otherwise the number: phi0.5, phi-1, phi8."""
    if phi in DEFAULT_PHIS:
        return f"b{int(phi)}"
    return f"phi{phi:.12g}"


def formula_family(
    baseline: ArchSpec,
    coefficients: ScalingCoefficients,
    phis: Iterable[float] = DEFAULT_PHIS,
    *,
    rule: str = FORMULA,
    resolution_multiple: int = RESOLUTION_MULTIPLE,
) -> tuple[Member, ...]:
    """One member for each distinct phi, in the order given; any finite phi, negative too.

    rule: what the members are called after.

    Raises: ConfigError naming the phi for which no network can be built.
    """
    return tuple(
        formula_member(
            baseline, coefficients, phi, rule=rule, resolution_multiple=resolution_multiple
        )
        # By name, as two phi that share a name would share a file.
        for phi in {member_name(phi): phi for phi in phis}.values()
    )


def formula_member(
    baseline: ArchSpec,
    coefficients: ScalingCoefficients,
    phi: float,
    *,
    rule: str = FORMULA,
    resolution_multiple: int = RESOLUTION_MULTIPLE,
) -> Member:
    """Depth alpha^phi, width beta^phi, resolution gamma^phi times the baseline, rounded.

    Raises: ConfigError naming the phi if no network can be built.
    """
    name = member_name(phi)
    try:
        multipliers = coefficients.multipliers(phi)
        if min(multipliers.depth, multipliers.width, multipliers.resolution) == 0:
            raise ConfigError(f"phi {phi:g} shrinks the network to nothing; choose a larger phi")
        arch = scale(
            baseline,
            width=multipliers.width,
            depth=multipliers.depth,
            resolution=multipliers.resolution,
            resolution_multiple=resolution_multiple,
            # Not "efficientnet-b3": that is the released network, and this is another.
            name=f"{baseline.name or 'network'}-{rule}-{name}",
        )
    except SpecError as error:
        raise ConfigError(f"phi {phi:g} makes an impossible network: {error}") from None
    return _member(baseline, name, rule, phi, multipliers, arch)


def published_family(
    baseline: ArchSpec | None = None, *, resolution_multiple: int = RESOLUTION_MULTIPLE
) -> tuple[Member, ...]:
    """The released B0..B7, or another baseline scaled by the released multipliers."""
    origin = efficientnet_b0() if baseline is None else baseline
    # The released networks keep their own names where the baseline is the released one.
    given = None if origin == efficientnet_b0() else origin
    return tuple(
        _member(
            origin,
            name,
            PUBLISHED,
            None,
            published_multipliers(name),
            published_member(name, given, resolution_multiple=resolution_multiple),
        )
        for name in COEFFICIENTS
    )


def published_multipliers(member: str) -> Multipliers:
    """The released multipliers; that of resolution is the released side over B0's 224 px."""
    row = COEFFICIENTS[member]
    return Multipliers(row.depth, row.width, row.resolution_px / BASELINE_PX)


def _member(
    baseline: ArchSpec,
    name: str,
    rule: str,
    phi: float | None,
    multipliers: Multipliers,
    arch: ArchSpec,
) -> Member:
    cost = network_cost(arch)
    ratio = cost.flops / network_cost(baseline).flops
    return Member(name, rule, phi, multipliers, arch, cost, ratio)
