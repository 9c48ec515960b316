"""How real-valued multipliers become whole networks.

Rounding is why a nominal FLOPs ratio is not the realised one: depth goes up to the next whole
layer, widths go to multiples of 8, and feature maps jump where a side passes a multiple of the
network's total stride.
"""

from __future__ import annotations

import math

from nas.channels import round_channels
from nas.errors import ConfigError

__all__ = ["round_channels", "round_layers", "round_resolution"]

# 10 * 1.1 is 11.000000000000002: what is whole up to floating-point error must not gain a layer.
# So multipliers are taken on a grid of 1e-9, and one that exceeds a fraction by less than a grid
# point counts as that fraction. The grid is the multiplier's, not the product's: stages of 1, 3 and
# 4 layers then grow together just above depth 1, with no networks in between that none can name.
_DEPTH_DECIMALS = 9
_SLACK = 0.75e-9


def round_layers(layers: int, depth: float) -> int:
    """`layers` times `depth`, up to the next whole layer, at least one.

    ceil, not round: B1 (depth 1.1) adds a layer to every stage.
    Source: the reference EfficientNet's repeat rounding.
    Raises: ConfigError if `depth` is not positive.
    """
    if not depth > 0 or not math.isfinite(depth):
        raise ConfigError(f"depth multiplier {depth} must be positive")
    return max(1, math.ceil(layers * (round(depth, _DEPTH_DECIMALS) - _SLACK)))


def round_resolution(resolution: float, multiple: int = 1) -> int:
    """The nearest multiple of `multiple` pixels, at least one multiple.

    The published resolutions follow no printed rule (456 and 600 divide by 8; 260, 300 and 380 by
    4 only), so the formula's own resolution is rounded to whole pixels unless asked otherwise.
    """
    if not resolution > 0 or not math.isfinite(resolution):
        raise ConfigError(f"resolution {resolution} must be positive")
    return max(multiple, math.floor(resolution / multiple + 0.5) * multiple)
