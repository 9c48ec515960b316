"""Whole channel counts that hardware likes."""

from __future__ import annotations

from nas.errors import SpecError


def round_channels(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never losing more than 10 %.

    Source: the reference EfficientNet's filter rounding.
    Raises: SpecError if `channels` or `divisor` is not positive.
    """
    if not channels > 0 or divisor < 1:
        raise SpecError(
            f"cannot round {channels} channels to a multiple of {divisor}: both must be positive"
        )
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    if rounded < 0.9 * channels:
        rounded += divisor
    return rounded
