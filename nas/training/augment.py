"""From stored pixels to what a network sees: random in training, fixed in evaluation.

Every draw is one small tensor operation for a whole batch on the images' device, from a generator
that is given: nothing waits for the host, nothing global is drawn from. Each image has its own
draws. Automatic augmentation is the exception: it works on one PIL image at a time (`policies`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nas.training.policies import Policy
from nas.training.recipe import Recipe
from nas.training.resampling import Boxes, crop_and_resize

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's colours, by channel, on a scale of 0 to 1; what every common weight file expects."""

CENTRE_FRACTION = 0.875
"""Evaluation looks at the central 7/8 of what is stored, where that is larger than the network's
input: the usual 224 of 256 pixels."""

# torchvision's RandomResizedCrop and RandomErasing try ten times before they give up.
_TRIES = 10
_CROP_RATIO = (3 / 4, 4 / 3)
_ERASED_AREA = (0.02, 1 / 3)
_ERASED_RATIO = (0.3, 3.3)


class Draws(NamedTuple):
    """What was drawn for a batch: a crop per image, and a rectangle to erase (height 0: none)."""

    boxes: Boxes
    erased: Boxes | None

    def part(self, start: int, end: int) -> Draws:
        """The draws of images `start` to `end`, without the last."""
        erased = None if self.erased is None else self.erased.part(start, end)
        return Draws(self.boxes.part(start, end), erased)


class Augmentation:
    """Crops, mirrors, normalises and erases as a recipe says.

    resolution: side of the result in pixels. Drawing and applying are two calls, so that several
    processes can draw for a whole batch alike and each apply its part.
    """

    def __init__(self, recipe: Recipe, px: int, resolution: int) -> None:
        self.px, self.resolution = px, resolution
        self.crop, self.crop_scale, self.flip = recipe.crop, recipe.crop_scale, recipe.flip
        self.erasing = recipe.random_erasing
        self.policy = Policy(recipe.auto_augment, resolution) if recipe.auto_augment else None

    def draw(self, batch: int, device: torch.device, generator: torch.Generator) -> Draws:
        """Draws for `batch` images; `generator` must live on `device`."""
        mirrored = torch.zeros(batch, device=device)
        if self.flip:
            mirrored = (_uniform(batch, device, generator) < 0.5).float()
        if self.crop == "random-resized":
            boxes = random_resized_boxes(batch, self.px, self.crop_scale, device, generator)
        elif self.crop == "pad":
            margin = self.px // 8
            shift = (2, batch)
            moved = torch.rand(shift, device=device, generator=generator) * (2 * margin + 1)
            top, left = moved.floor() - margin
            side = torch.full((batch,), float(self.px), device=device)
            boxes = Boxes(top, left, side, side, mirrored)
        else:
            boxes = whole(batch, self.px, device)
        erased = None
        if self.erasing:
            erased = erasing_boxes(batch, self.resolution, self.erasing, device, generator)
        return Draws(boxes._replace(mirrored=mirrored), erased)

    def apply(self, images: Tensor, draws: Draws, generator: torch.Generator) -> Tensor:
        """Stored uint8 (B, 3, px, px) to normalised float32 (B, 3, resolution, resolution).

        generator: on the CPU; only automatic augmentation draws from it.
        """
        cropped = crop_and_resize(images, draws.boxes, self.resolution)
        if self.policy is not None:
            cropped = self.policy.apply(cropped, generator)
        normalised = normalise(cropped)
        if draws.erased is not None:
            normalised = normalised.masked_fill_(erased_mask(draws.erased, self.resolution), 0.0)
        return normalised

    def crop_only(self, images: Tensor, draws: Draws) -> Tensor:
        """As `apply`, with nothing but the crops and mirrors."""
        return normalise(crop_and_resize(images, draws.boxes, self.resolution))


def normalise(images: Tensor) -> Tensor:
    """Values from 0 to 255, (B, 3, H, W), to ImageNet's mean 0 and deviation 1, in place."""
    # By channel with plain numbers: a tensor of constants would have to be sent to the device.
    for channel, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
        images[:, channel].sub_(mean * 255.0).div_(std * 255.0)
    return images


def prepare_for_evaluation(images: Tensor, resolution: int) -> Tensor:
    """Stored uint8 (B, 3, px, px) to normalised float32 (B, 3, resolution, resolution).

    The centre of what is stored: all of it where it is not larger than `resolution`.
    """
    px = images.shape[-1]
    side = min(px, max(resolution, round(px * CENTRE_FRACTION)))
    start = (px - side) // 2
    central = images[..., start : start + side, start : start + side]
    if side == resolution:
        return normalise(central.to(torch.float32))
    boxes = whole(images.shape[0], side, images.device)
    return normalise(crop_and_resize(central.contiguous(), boxes, resolution))


def whole(batch: int, px: int, device: torch.device) -> Boxes:
    """Boxes of the whole image, not mirrored."""
    zero = torch.zeros(batch, device=device)
    side = torch.full((batch,), float(px), device=device)
    return Boxes(zero, zero, side, side, zero)


def random_resized_boxes(
    batch: int,
    px: int,
    scale: tuple[float, float],
    device: torch.device,
    generator: torch.Generator,
) -> Boxes:
    """A crop per image, distributed as torchvision's RandomResizedCrop draws them."""
    area = px * px * _uniform((batch, _TRIES), device, generator, *scale)
    ratio = _uniform((batch, _TRIES), device, generator, *map(math.log, _CROP_RATIO)).exp()
    width, height = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    width, height = _first_fitting(width, height, px)
    # None of ten fitted: all of the image, whose ratio of 1 is within the bounds.
    none = width == 0
    width, height = width.masked_fill(none, px), height.masked_fill(none, px)
    top = (_uniform(batch, device, generator) * (px - height + 1)).floor()
    left = (_uniform(batch, device, generator) * (px - width + 1)).floor()
    return Boxes(top, left, height, width, torch.zeros(batch, device=device))


def erasing_boxes(
    batch: int, px: int, probability: float, device: torch.device, generator: torch.Generator
) -> Boxes:
    """A rectangle per image, as torchvision's RandomErasing draws them; height 0 where none."""
    area = px * px * _uniform((batch, _TRIES), device, generator, *_ERASED_AREA)
    ratio = _uniform((batch, _TRIES), device, generator, *map(math.log, _ERASED_RATIO)).exp()
    height, width = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    width, height = _first_fitting(width, height, px - 1)
    spared = _uniform(batch, device, generator) >= probability
    height, width = height.masked_fill(spared, 0.0), width.masked_fill(spared, 0.0)
    top = (_uniform(batch, device, generator) * (px - height + 1)).floor()
    left = (_uniform(batch, device, generator) * (px - width + 1)).floor()
    return Boxes(top, left, height, width, torch.zeros(batch, device=device))


def erased_mask(boxes: Boxes, px: int) -> Tensor:
    """True within each box, (B, 1, px, px)."""
    place = torch.arange(px, device=boxes.top.device, dtype=torch.float32)
    rows = (place >= boxes.top[:, None]) & (place < (boxes.top + boxes.height)[:, None])
    columns = (place >= boxes.left[:, None]) & (place < (boxes.left + boxes.width)[:, None])
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _first_fitting(width: Tensor, height: Tensor, largest: int) -> tuple[Tensor, Tensor]:
    """The first of each image's tries, (B, tries), that fits; 0 where none does."""
    fits = (width >= 1) & (height >= 1) & (width <= largest) & (height <= largest)
    first = fits.int().argmax(1, keepdim=True)
    found = fits.any(1)
    chosen = width.gather(1, first).squeeze(1), height.gather(1, first).squeeze(1)
    return chosen[0] * found, chosen[1] * found


def _uniform(
    shape: int | tuple[int, ...],
    device: torch.device,
    generator: torch.Generator,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    size = (shape,) if isinstance(shape, int) else shape
    return torch.rand(size, device=device, generator=generator) * (high - low) + low
