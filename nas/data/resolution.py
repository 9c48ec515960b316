"""How many pixels: for the network, and to keep of each image."""

from __future__ import annotations

import statistics

from nas.data.images import ImageError, Images
from nas.errors import DataError

LARGEST_PX = 224
"""What is suggested at most: the resolution of EfficientNet-B0 and of most published results."""

KEEP_MARGIN = 8 / 7
"""Stored over trained resolution, so that a crop can move: 256 for 224, the usual pair."""

_LOOKED_AT = 200


def suggest_resolution(images: Images) -> int:
    """A network's input side in px: the typical shorter side, a multiple of 8, at most 224.

    Raises: DataError if no image can be read.
    """
    return min(LARGEST_PX, max(8, (typical_shorter_px(images) + 4) // 8 * 8))


def stored_px(images: Images, resolution: int) -> int:
    """The side in px to keep for training at `resolution`, never more than the images have."""
    return min(round(resolution * KEEP_MARGIN), max(resolution, typical_shorter_px(images)))


def typical_shorter_px(images: Images) -> int:
    """The median shorter side over up to 200 images spread over the set, from their headers.

    Raises: DataError if none of them can be read.
    """
    step = max(1, len(images) // _LOOKED_AT)
    sides, reason = [], "there are no images"
    for index in range(0, len(images), step):
        try:
            sides.append(min(images.size(index)))
        except ImageError as error:
            reason = str(error)
    if not sides:
        raise DataError(f"no image can be read; the last: {reason}")
    return round(statistics.median(sides))
