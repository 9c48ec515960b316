"""One image to a square of px, and what is said of those that cannot become one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.images import ImageError, Images
from nas.data.report import LEFT_OUT, Problems
from nas.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

DRAFT_FACTOR = 1.25
"""A JPEG is decoded at no less than this many times the pixels kept. Its coarse halving then moves
values by less than bilinear instead of bicubic resizing would (tested), and saves half the time."""


def draft_px(px: int) -> int:
    """The shorter side that decoding must keep for an image that is then made `px`."""
    return math.ceil(DRAFT_FACTOR * px)


def square(images: Images, index: int, px: int) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """An image as (px, px, 3) and what was odd about it. Raises: ImageError."""
    decoded = images.decode(index, at_least_px=draft_px(px))
    return np.asarray(cropped(decoded.image, px)), decoded.odd


def cropped(image: Image, px: int) -> Image:
    """Shorter side to `px` with antialiasing, then the middle: torchvision's Resize, CenterCrop."""
    import PIL.Image

    width, height = image.size
    if min(width, height) != px:
        width, height = resized_to(width, height, px)
        image = image.resize((width, height), PIL.Image.Resampling.BICUBIC)
    left, top = round((width - px) / 2), round((height - px) / 2)
    return image if (width, height) == (px, px) else image.crop((left, top, left + px, top + px))


def resized_to(width: int, height: int, px: int) -> tuple[int, int]:
    """(width, height) with the shorter side at `px`, rounded as torchvision's Resize does."""
    if width <= height:
        return px, int(px * height / width)
    return int(px * width / height), px


def note_lost_classes(
    images: Images, chosen: NDArray[np.int64], kept: NDArray[np.int64], report: Problems
) -> None:
    """Raises: DataError, with the first reason, if decoding left a class with no image."""
    before = np.bincount(images.labels[chosen], minlength=len(images.classes))
    after = np.bincount(images.labels[kept], minlength=len(images.classes))
    lost = [report.found[kind] for kind in LEFT_OUT if kind in report.found]
    for label in np.flatnonzero((before > 0) & (after == 0)):
        gone = next(int(i) for i in chosen if images.labels[i] == label)
        name = images.name(gone)
        reason = next((found[name] for found in lost if name in found), "")
        raise DataError(
            f"none of the {before[label]} images of class '{images.classes[label]}' can be used; "
            f"the first is {name}: {reason}"
        )


def note_outcome(
    images: Images, index: int, outcome: tuple[str, ...] | ImageError, report: Problems
) -> bool:
    """Note what was odd about an image, or why it is left out; whether it can be used."""
    if isinstance(outcome, ImageError):
        report.add(outcome.kind, outcome.name, outcome.reason)
        return False
    for kind in outcome:
        report.add(kind, images.name(index))
    return True
