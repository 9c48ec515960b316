"""Images go to a device that has room for them; where there is none, each batch does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from learnable import coloured_squares, small_spec

from nas.data.pixels import Pixels
from nas.model import build
from nas.training import devices
from nas.training.devices import batches_on, on_device
from nas.training.loop import evaluate, train
from nas.training.recipe import load_recipe

# Torch's device without memory stands for one that the images are not on.
ELSEWHERE = torch.device("meta")


@pytest.mark.parametrize("room", [-1, 0])
def test_images_move_only_where_they_fit(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = coloured_squares(10)
    monkeypatch.setattr(devices, "room_bytes", lambda device: pixels.images.nbytes + room)
    moved = on_device(pixels, ELSEWHERE)
    assert moved.labels.device == (ELSEWHERE if room == 0 else torch.device("cpu"))
    assert on_device(pixels, torch.device("cpu")) is pixels


def test_batches_of_images_elsewhere_are_moved() -> None:
    found = list(batches_on(ELSEWHERE, coloured_squares(10), torch.arange(10), 6))
    assert [(images.device, labels.device) for images, labels in found] == [(ELSEWHERE,) * 2] * 2
    assert [len(labels) for _, labels in found] == [6, 4]


def test_training_and_evaluation_move_every_batch(
    squares: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that reads images asks for them on the device, in all parts of a training."""
    asked: list[int] = []
    original = devices._moved

    def moved(values: torch.Tensor, device: torch.device) -> torch.Tensor:
        asked.append(len(values))
        return original(values, device)

    monkeypatch.setattr(devices, "_moved", moved)
    settings: dict[str, Any] = {"resolution": 16, "device": "cpu"}
    recipe = load_recipe("short", epochs=1, batch_size=32, bn_recalibration_batches=1)
    network = build(small_spec(), seed=0)
    train(network, squares, None, recipe, seed=0, **settings)
    # Images and labels of three steps, and of the batch that statistics are taken from.
    assert asked == [32] * 8
    evaluate(network, squares, batch_size=96, **settings)
    assert asked[8:] == [96] * 2
