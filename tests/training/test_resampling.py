"""Crops of a whole batch at once against torchvision's, one image at a time."""

from __future__ import annotations

import pytest
import torch

from nas.training.resampling import Boxes, crop_and_resize

functional = pytest.importorskip("torchvision.transforms.v2.functional")

BATCH = 48


@pytest.mark.parametrize(("px", "side"), [(37, 16), (37, 37), (20, 32), (64, 48)])
def test_a_crop_is_torchvisions_resized_crop(px: int, side: int) -> None:
    draws = torch.Generator().manual_seed(px + side)
    images = torch.randint(0, 256, (BATCH, 3, px, px), generator=draws, dtype=torch.uint8)
    height = torch.randint(2, px + 1, (BATCH,), generator=draws)
    width = torch.randint(2, px + 1, (BATCH,), generator=draws)
    top = (torch.rand(BATCH, generator=draws) * (px - height + 1)).long()
    left = (torch.rand(BATCH, generator=draws) * (px - width + 1)).long()
    mirrored = torch.rand(BATCH, generator=draws) < 0.5
    boxes = Boxes(*(column.float() for column in (top, left, height, width, mirrored)))
    ours = crop_and_resize(images, boxes, side)
    for index in range(BATCH):
        box = [int(column[index]) for column in (top, left, height, width)]
        theirs = functional.resized_crop(images[index].float(), *box, [side, side], antialias=True)
        if mirrored[index]:
            theirs = functional.horizontal_flip(theirs)
        # A hundredth of one of 255 steps.
        torch.testing.assert_close(ours[index], theirs, rtol=0, atol=0.01)


@pytest.mark.parametrize("side", [24, 17])
def test_a_box_beyond_the_edge_is_torchvisions_crop_of_the_padded_image(side: int) -> None:
    draws = torch.Generator().manual_seed(side)
    px, margin = 24, 3
    images = torch.randint(0, 256, (BATCH, 3, px, px), generator=draws, dtype=torch.uint8)
    top = torch.randint(0, 2 * margin + 1, (BATCH,), generator=draws)
    left = torch.randint(0, 2 * margin + 1, (BATCH,), generator=draws)
    full = torch.full((BATCH,), float(px))
    boxes = Boxes(top.float() - margin, left.float() - margin, full, full, torch.zeros(BATCH))
    ours = crop_and_resize(images, boxes, side)
    padded = functional.pad(images, [margin] * 4).float()
    for index in range(BATCH):
        box = [int(top[index]), int(left[index]), px, px]
        theirs = functional.resized_crop(padded[index], *box, [side, side], antialias=True)
        torch.testing.assert_close(ours[index], theirs, rtol=0, atol=0.01)


def test_the_whole_image_at_its_own_size_is_itself() -> None:
    images = torch.randint(0, 256, (4, 3, 9, 9), dtype=torch.uint8)
    zero, full = torch.zeros(4), torch.full((4,), 9.0)
    ours = crop_and_resize(images, Boxes(zero, zero, full, full, zero), 9)
    assert torch.equal(ours, images.float())
