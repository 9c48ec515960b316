"""The weights that a training ends with."""

from __future__ import annotations

import pytest
import torch
from learnable import coloured_squares, small_spec

from nas.data.pixels import Pixels
from nas.model import build
from nas.training.loop import train
from nas.training.recipe import load_recipe


@pytest.mark.parametrize("evaluate_every", [1, 3])
def test_evaluating_changes_nothing(evaluate_every: int, squares: Pixels) -> None:
    recipe = load_recipe("short", epochs=3, batch_size=32)
    networks = [build(small_spec(), seed=0) for _ in range(2)]
    judged = coloured_squares(20, seed=3)
    settings = {"resolution": 16, "seed": 0, "device": "cpu"}
    train(networks[0], squares, None, recipe, **settings)
    train(networks[1], squares, judged, recipe, evaluate_every=evaluate_every, **settings)
    pairs = zip(networks[0].state_dict().values(), networks[1].state_dict().values(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_statistics_are_of_the_training_images(squares: Pixels) -> None:
    settings = {"resolution": 16, "seed": 0, "device": "cpu"}
    network = build(small_spec(), seed=0)
    plain = {"crop": "none", "flip": False, "bn_recalibration_batches": 3}
    recipe = load_recipe("short", epochs=1, batch_size=32, **plain)
    train(network, squares, None, recipe, **settings)
    from nas.training.augment import prepare_for_evaluation

    # All 96 images are in the three batches: the stem's mean is that of all of them.
    features = network.stem.conv(prepare_for_evaluation(squares.images, 16))
    expected = features.mean((0, 2, 3))
    torch.testing.assert_close(network.stem.norm.running_mean, expected.detach())
