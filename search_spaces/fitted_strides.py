"""Strides that suit the size of the images."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_PX = 4
"""Side of the smallest last feature map, where the input is that large at all.

4 px is what networks for 32 px images usually end with; B0 ends with 7 px at 224.
"""


def fitted_strides(strides: Sequence[int], resolution: int) -> tuple[int, ...]:
    """`strides` with as many of the first 2s turned to 1 as leave a last map of LEAST_PX.

    The first, because early layers see detail: small images should not lose it at once, and the
    late, wide layers then cost what they cost in the original at a larger image. Strides other than
    2 stay. `resolution` is the input's side in pixels.
    """
    fitted = list(strides)
    for index, stride in enumerate(strides):
        if _last_px(fitted, resolution) >= LEAST_PX:
            break
        if stride == 2:
            fitted[index] = 1
    return tuple(fitted)


def _last_px(strides: Sequence[int], resolution: int) -> int:
    side = resolution
    for stride in strides:
        side = -(-side // stride)
    return side
