"""The compound rule: depth alpha^phi, width beta^phi, resolution gamma^phi."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas.errors import ConfigError


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
    Raises: ConfigError if a coefficient is not at least 1.
    """

    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 1:
                raise ConfigError(
                    f"{name} is {value}; the compound rule needs coefficients of at least 1"
                )

    @property
    def nominal_ratio(self) -> float:
        """alpha * beta^2 * gamma^2: the FLOPs ratio per unit of phi before rounding."""
        return self.alpha * self.beta**2 * self.gamma**2

    def multipliers(self, phi: float) -> Multipliers:
        """The multipliers at `phi`; fractional and negative phi are allowed."""
        return Multipliers(self.alpha**phi, self.beta**phi, self.gamma**phi)


PAPER = ScalingCoefficients(alpha=1.2, beta=1.1, gamma=1.15)
"""Found by the paper's grid search on B0 (arXiv 1905.11946, section 4)."""
