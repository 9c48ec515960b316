"""The compound rule: depth alpha^phi, width beta^phi, resolution gamma^phi."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas.errors import ConfigError

LARGEST_MULTIPLIER = 10**6
"""Beyond any network: stops a mistyped phi before it overflows."""


@dataclass(frozen=True)
class Multipliers:
    """Real-valued multipliers of depth, width and resolution, before any rounding."""

    depth: float
    width: float
    resolution: float

    @property
    def nominal_ratio(self) -> float:
        """FLOPs ratio that d * w^2 * r^2 promises; the built network's differs."""
        return self.depth * self.width**2 * self.resolution**2


@dataclass(frozen=True)
class ScalingCoefficients:
    """alpha (depth), beta (width), gamma (resolution) of EfficientNet's equation 3.

    The paper asks for alpha, beta, gamma >= 1 and alpha * beta^2 * gamma^2 close to 2.
    Raises: ConfigError if a coefficient is not at least 1, or absurdly large.
    """

    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if not 1 <= value <= LARGEST_MULTIPLIER:
                raise ConfigError(
                    f"{name} is {value:g}; the compound rule needs coefficients of at least 1 "
                    f"(and at most {LARGEST_MULTIPLIER:,}), such as the paper's 1.2, 1.1, 1.15"
                )

    @property
    def nominal_ratio(self) -> float:
        """FLOPs ratio per unit of phi before rounding: alpha * beta^2 * gamma^2."""
        return self.alpha * self.beta**2 * self.gamma**2

    def multipliers(self, phi: float) -> Multipliers:
        """The multipliers at `phi`; fractional and negative phi are allowed.

        Raises: ConfigError if `phi` is not finite or is so large that no network could follow.
        """
        if not math.isfinite(phi):
            raise ConfigError(f"phi is {phi}; it must be a finite number, such as 0.5")
        largest = max(self.alpha, self.beta, self.gamma)
        if phi * math.log(largest) > math.log(LARGEST_MULTIPLIER):
            raise ConfigError(
                f"phi {phi:g} multiplies a dimension by more than {LARGEST_MULTIPLIER:,}; "
                "choose a smaller phi"
            )
        return Multipliers(self.alpha**phi, self.beta**phi, self.gamma**phi)


PAPER = ScalingCoefficients(alpha=1.2, beta=1.1, gamma=1.15)
"""Found by the paper's grid search on B0 (arXiv 1905.11946, section 4)."""
