"""Ways to spend a budget on depth, width and resolution, each as coefficients of one doubling.

All are the compound rule with other coefficients, scaled to alpha * beta^2 * gamma^2 = 2, so that
phi counts doublings of the nominal FLOPs and families of different rules can be set side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

from nas.errors import ConfigError
from nas.registry import did_you_mean
from nas.scaling.coefficients import ScalingCoefficients


@dataclass(frozen=True)
class Rule:
    """A named rule, and where it comes from."""

    name: str
    coefficients: ScalingCoefficients
    source: str


def from_exponents(depth: float, width: float, resolution: float) -> ScalingCoefficients:
    """Coefficients of one doubling: depth grows as FLOPs^depth, width and side likewise."""
    return ScalingCoefficients(2.0**depth, 2.0**width, 2.0**resolution)


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "uniform",
            from_exponents(1 / 3, 1 / 6, 1 / 6),
            "a third of the growth each; 'dwr' of Dollar et al. (2103.06877)",
        ),
        Rule(
            "fast",
            from_exponents(0.1, 0.4, 0.05),
            "mostly width, which keeps activations low; 'dWr' of Dollar et al. (2103.06877), "
            "exponents as in facebookresearch/pycls (d1_w8_g8_r1)",
        ),
        Rule("depth", from_exponents(1, 0, 0), "depth alone"),
        Rule("width", from_exponents(0, 0.5, 0), "width alone"),
        Rule("resolution", from_exponents(0, 0, 0.5), "resolution alone"),
    )
}


def find_rule(name: str) -> Rule:
    """The rule called `name`. Raises: ConfigError if there is none."""
    if name not in RULES:
        raise ConfigError(f"unknown rule '{name}'; {did_you_mean(name, RULES)}")
    return RULES[name]
