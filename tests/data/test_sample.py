"""The drawn sample: the same for the same seed, quick, and neither trivial nor hopeless."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from torch import nn

from nas.data.drawing import SHAPES, TEXTURES
from nas.data.opening import open_data
from nas.data.pixels import Pixels, load_pixels
from nas.data.report import Problems
from nas.errors import DataError


def test_the_sample_is_a_toy_with_balanced_classes_and_says_so() -> None:
    data = open_data("sample")
    assert data.test is not None
    assert (data.toy, len(data.train), len(data.test)) == (True, 512, 256)
    assert data.notes == ("the sample is a toy: its results say nothing about real images",)
    assert np.bincount(data.train.labels).tolist() == [64] * 8
    assert data.classes[:4] == ("disc-stripes", "cross-stripes", "triangle-stripes", "disc-checks")


def test_it_is_the_same_every_time_and_another_for_each_seed() -> None:
    one, again, other = (open_data(f"sample:seed={seed}") for seed in (3, 3, 4))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert np.array_equal(one.train.read(7), again.train.read(7))
    assert not np.array_equal(one.train.read(7), other.train.read(7))
    assert one.test is not None
    assert not np.array_equal(one.train.read(7), one.test.read(7))
    assert len({one.train.read(i).tobytes() for i in range(100)}) == 100


@pytest.mark.parametrize("px", [8, 33, 224])
def test_it_has_any_size_and_shows_the_same_at_each(px: int) -> None:
    image = open_data(f"sample:px={px},classes=4").train.read(5)
    assert (image.size, image.mode) == ((px, px), "RGB")
    small, reference = image.resize((8, 8)), open_data("sample:px=64,classes=4").train.read(5)
    difference = np.abs(np.asarray(small, float) - np.asarray(reference.resize((8, 8)), float))
    assert difference.mean() < 20


def test_every_pair_of_shape_and_texture_is_a_class_at_most() -> None:
    data = open_data(f"sample:classes={len(SHAPES) * len(TEXTURES)},images=72")
    assert len(set(data.classes)) == 36
    for index in range(36):
        data.train.read(index)


def test_hundreds_of_images_take_a_moment() -> None:
    started = time.process_time()
    data = open_data("sample")
    load_pixels(data.train, None, 32, report=Problems())
    assert data.fingerprint
    assert time.process_time() - started < 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "sample:size=3",
            "'size=3' in 'sample:size=3' is no option with a whole number; there are",
        ),
        ("sample:px", "'px' in 'sample:px' is no option with a whole number"),
        ("sample:px=big", "is no option with a whole number; there are px=, classes=, images="),
        ("sample:px=4", "px=4 in 'sample:px=4' is not between 8 and 1,024"),
        ("sample:classes=1", "is not between 2 and 36"),
        ("sample:classes=36,images=40", "40 training and 256 test images are too few for 36"),
        ("samples", "no file or folder 'samples'; --data takes"),
    ],
)
def test_a_wrong_option_is_one_line(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_data(name)


def small_network(classes: int) -> nn.Sequential:
    def layer(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *layer(3, 16, 1), *layer(16, 32, 2), *layer(32, 64, 2), *layer(64, 64, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes),
    )  # fmt: skip


def trained_accuracy(train: Pixels, test: Pixels, epochs: int) -> float:
    torch.manual_seed(0)
    network = small_network(len(train.classes))
    steps = epochs * (len(train) // 64)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for images, labels in train.batches(torch.randperm(len(train)), 64):
            loss = nn.functional.cross_entropy(network(images / 64 - 2), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        right = network(test.images / 64 - 2).argmax(1) == test.labels
    return float(right.float().mean())


@pytest.mark.slow
def test_a_small_network_learns_it_but_not_all_of_it() -> None:
    data = open_data("sample")
    assert data.test is not None
    train, test = (
        load_pixels(part, None, 32, report=Problems()) for part in (data.train, data.test)
    )
    assert 0.5 < trained_accuracy(train, test, 20) < 0.97
