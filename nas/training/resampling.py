"""Cropping, resizing and mirroring a batch of images, each by a box of its own.

A resize is linear and separable: out = rows @ image @ columns, with one small matrix per image
and axis. So a batch of different crops is two batched matrix products: no loop over images,
nothing that a host must wait for, and the antialiasing of torchvision's `resize`, which
`grid_sample` lacks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Boxes(NamedTuple):
    """One crop per image, in pixels of the stored image; each float (B,).

    A box may reach over the edge: what lies outside is black. `mirrored` is 1 or 0.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    mirrored: Tensor

    def part(self, start: int, end: int) -> Boxes:
        """The boxes of images `start` to `end`, without the last."""
        return Boxes(*(column[start:end] for column in self))


def crop_and_resize(images: Tensor, boxes: Boxes, side: int) -> Tensor:
    """Images (B, C, H, W), any type, cropped by `boxes` and resized; float32 (B, C, side, side).

    Values keep their scale. Bilinear with antialiasing, as torchvision's `resized_crop`.
    """
    batch, channels, height, width = images.shape
    rows = _weights(boxes.top, boxes.height, height, side)
    columns = _weights(boxes.left, boxes.width, width, side)
    mirrored = boxes.mirrored[:, None, None] > 0
    columns = torch.where(mirrored, columns.flip(1), columns)
    # Columns first: all channels and rows of an image share one matrix, so it is one product.
    flat = images.to(torch.float32).view(batch, channels * height, width)
    narrowed = torch.bmm(flat, columns.transpose(1, 2)).view(batch, channels, height, side)
    return torch.matmul(rows[:, None], narrowed)


def _weights(start: Tensor, length: Tensor, stored: int, side: int) -> Tensor:
    """Row i of (B, side, stored): how much each stored pixel gives to output pixel i."""
    device = start.device
    scale = (length / side)[:, None]
    # A shrinking filter widens with the scale, so that every stored pixel counts.
    reach = scale.clamp(min=1.0)
    centre = (torch.arange(side, device=device, dtype=torch.float32) + 0.5) * scale
    pixel = torch.arange(stored, device=device, dtype=torch.float32) + 0.5
    # Pixel centres relative to the box, (B, 1, stored).
    place = (pixel - start[:, None])[:, None]
    weight = (1.0 - (place - centre[..., None]).abs() / reach[..., None]).clamp_(min=0.0)
    # Pixels outside the box have no part in it: a crop is cut before it is resized.
    weight = weight * ((place > 0) & (place < length[:, None, None]))
    # Where the box reaches over the edge the missing weight is black, so the sum is taken over the
    # whole pixels that the filter covers inside the box, stored or not.
    return weight / _covered(centre, reach, length[:, None])[..., None]


def _covered(centre: Tensor, reach: Tensor, length: Tensor) -> Tensor:
    """Sum of the filter's weights over all whole pixels of the box, (B, side).

    In closed form, since pixels beyond the stored image are in no matrix: the sum of
    1 - |i + 0.5 - centre| / reach over the integers i that the filter reaches.
    """
    first = torch.ceil((centre - reach - 0.5).clamp(min=-0.5) + 1e-6).clamp(min=0.0)
    last = torch.minimum(torch.floor(centre + reach - 0.5 - 1e-6), length - 1.0)
    middle = torch.floor(centre - 0.5)
    below = torch.minimum(middle, last)
    count_below = (below - first + 1.0).clamp(min=0.0)
    count_above = (last - torch.maximum(middle + 1.0, first) + 1.0).clamp(min=0.0)
    sum_below = count_below * (first + below) / 2
    sum_above = count_above * (torch.maximum(middle + 1.0, first) + last) / 2
    distances = count_below * (centre - 0.5) - sum_below
    distances = distances + sum_above - count_above * (centre - 0.5)
    return count_below + count_above - distances / reach
