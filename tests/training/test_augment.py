"""What is drawn follows torchvision's distributions, image by image; evaluation draws nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from nas.errors import TrainingError
from nas.training.augment import (
    MEAN,
    STD,
    Augmentation,
    erased_mask,
    erasing_boxes,
    normalise,
    prepare_for_evaluation,
    random_resized_boxes,
)
from nas.training.mixing import Mixing
from nas.training.recipe import load_recipe

transforms = pytest.importorskip("torchvision.transforms.v2")
CPU = torch.device("cpu")


def test_crops_are_distributed_as_torchvisions() -> None:
    px, count = 64, 4000
    ours = random_resized_boxes(count, px, (0.08, 1.0), CPU, torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        crop = transforms.RandomResizedCrop(px)
        image = torch.zeros(3, px, px)
        theirs = [crop.make_params([image]) for _ in range(count)]
    for name in ("top", "left", "height", "width"):
        mine = getattr(ours, name)
        their = torch.tensor([float(found[name]) for found in theirs])
        assert abs(mine.mean() - their.mean()) < 4 * their.std() * (2 / count) ** 0.5
        assert abs(mine.std() - their.std()) < 0.06 * their.std()
    assert (ours.top + ours.height <= px).all()
    assert (ours.left + ours.width <= px).all()


def test_erased_rectangles_are_distributed_as_torchvisions() -> None:
    px, count = 32, 4000
    boxes = erasing_boxes(count, px, 0.25, CPU, torch.Generator().manual_seed(0))
    mine = erased_mask(boxes, px).float().mean((1, 2, 3))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        erase = transforms.RandomErasing(p=0.25, value=1.0)
        image = torch.zeros(1, px, px)
        theirs = torch.stack([erase(image).mean() for _ in range(count)])
    assert abs((mine > 0).float().mean() - (theirs > 0).float().mean()) < 0.03
    assert abs(mine.mean() - theirs.mean()) < 0.01


def test_a_mask_is_torchvisions_erase() -> None:
    boxes = erasing_boxes(8, 16, 1.0, CPU, torch.Generator().manual_seed(3))
    masks = erased_mask(boxes, 16)
    for index in range(8):
        box = [int(column[index]) for column in boxes[:4]]
        ones = torch.ones(1, 16, 16)
        theirs = transforms.functional.erase(ones, *box, v=torch.zeros(1, 1, 1))
        assert torch.equal(~masks[index], theirs.bool())


def test_normalising_is_torchvisions() -> None:
    images = torch.randint(0, 256, (2, 3, 5, 5)).float()
    theirs = transforms.functional.normalize(images / 255, MEAN, STD)
    torch.testing.assert_close(normalise(images.clone()), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("px", "resolution", "side"), [(32, 32, 32), (73, 64, 64), (96, 32, 84)])
def test_evaluation_sees_the_centre(px: int, resolution: int, side: int) -> None:
    images = torch.randint(0, 256, (3, 3, px, px), dtype=torch.uint8)
    ours = prepare_for_evaluation(images, resolution)
    centre = transforms.functional.center_crop(images.float(), [side, side])
    centre = transforms.functional.resize(centre, [resolution, resolution], antialias=True)
    theirs = transforms.functional.normalize(centre / 255, MEAN, STD)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=2e-3)


def test_small_stored_images_are_enlarged_for_evaluation() -> None:
    images = torch.randint(0, 256, (3, 3, 12, 12), dtype=torch.uint8)
    assert prepare_for_evaluation(images, 16).shape == (3, 3, 16, 16)


@pytest.mark.parametrize("crop", ["random-resized", "pad", "none"])
def test_each_image_has_its_own_draws_and_a_part_of_a_batch_the_same(crop: str) -> None:
    recipe = load_recipe("short", crop=crop, random_erasing=0.5, crop_scale=[0.2, 0.9])
    augmentation = Augmentation(recipe, 20, 16)
    image = torch.randint(0, 256, (1, 3, 20, 20), dtype=torch.uint8)
    images = image.expand(12, -1, -1, -1).contiguous()
    draws = augmentation.draw(12, CPU, torch.Generator().manual_seed(1))
    whole = augmentation.apply(images, draws, torch.Generator())
    different = {tuple(one.flatten().tolist()) for one in whole}
    assert len(different) >= (12 if crop == "random-resized" else 6)
    part = augmentation.apply(images[4:9], draws.part(4, 9), torch.Generator())
    torch.testing.assert_close(part, whole[4:9])


def test_a_padded_crop_is_one_of_torchvisions() -> None:
    recipe = load_recipe("cifar", flip=False)
    augmentation = Augmentation(recipe, 32, 32)
    image = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    draws = augmentation.draw(40, CPU, torch.Generator().manual_seed(0))
    assert set(draws.boxes.top.tolist()) == set(range(-4, 5))
    ours = augmentation.apply(image.expand(40, -1, -1, -1), draws, torch.Generator())
    padded = transforms.functional.pad(image, [4] * 4)[0].float()
    for index in range(40):
        top, left = int(draws.boxes.top[index]) + 4, int(draws.boxes.left[index]) + 4
        theirs = transforms.functional.crop(padded, top, left, 32, 32)
        theirs = transforms.functional.normalize(theirs / 255, MEAN, STD)
        torch.testing.assert_close(ours[index], theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("words", ["rand-m9-mstd0.5", "autoaugment"])
def test_policies_work_image_by_image_and_leave_the_global_generators_alone(words: str) -> None:
    pytest.importorskip("timm")
    recipe = load_recipe("short", auto_augment=words, crop="none", flip=False)
    augmentation = Augmentation(recipe, 24, 24)
    image = torch.randint(0, 256, (1, 3, 24, 24), dtype=torch.uint8)
    images = image.expand(8, -1, -1, -1).contiguous()
    draws = augmentation.draw(8, CPU, torch.Generator())
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    first = augmentation.apply(images, draws, torch.Generator().manual_seed(2))
    again = augmentation.apply(images, draws, torch.Generator().manual_seed(2))
    assert torch.equal(first, again)
    assert len({tuple(one.flatten().tolist()) for one in first}) > 2
    drawn = random.random(), float(np.random.random())  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    assert drawn == (random.random(), float(np.random.random()))  # noqa: NPY002


def test_an_unknown_policy_is_one_line() -> None:
    pytest.importorskip("timm")
    with pytest.raises(TrainingError, match="auto_augment is 'nonsense'"):
        Augmentation(load_recipe("short", auto_augment="nonsense"), 8, 8)


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}])
def test_mixing_is_torchvisions_and_leaves_the_global_generator_alone(
    settings: dict[str, float],
) -> None:
    mixing = Mixing(load_recipe("short", **settings), 3)
    images, labels = torch.rand(6, 3, 8, 8), torch.arange(6) % 3
    before = torch.get_rng_state()
    mixed, shares = mixing.apply(images, labels, torch.Generator().manual_seed(1))
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(shares.sum(1), torch.ones(6))
    # torchvision mixes an image with the one before it.
    share = shares.gather(1, labels[:, None]).squeeze(1)[0]
    if "mixup" in settings:
        expected = images * share + images.roll(1, 0) * (1 - share)
        torch.testing.assert_close(mixed, expected)
    else:
        own = (mixed == images).all(1).float().mean()
        torch.testing.assert_close(own, share, atol=1e-4, rtol=0)
