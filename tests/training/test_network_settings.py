"""Zeroed last norms for every kind of block, stochastic depth, frozen stages."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.archs import find_network, resized
from nas.errors import TrainingError
from nas.model import Network, build
from nas.modules import StochasticDepth
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.training.network_settings import (
    apply_settings,
    freeze,
    limit_first_logits,
    output_classes,
    set_drop_path,
    train_mode,
    zero_last_norms,
)
from nas.training.recipe import load_recipe


def one_stage(activation: str = "silu", **stage: Any) -> Network:
    settings: dict[str, Any] = {"layers": 3, "kernel": 3, "stride": 1, "expand_ratio": 1}
    spec = ArchSpec(
        stem=StemSpec(channels=16, kernel=3, stride=2),
        stages=(StageSpec(channels=16, **{**settings, **stage}),),
        head=HeadSpec(channels=None),
        resolution=16,
        classes=3,
        activation=activation,
    )
    return build(spec, seed=0)


@pytest.mark.parametrize(
    "stage",
    [
        {"block": "mbconv"},
        {"block": "mbconv", "expand_ratio": 4},
        {"block": "fused-mbconv", "expand_ratio": 4},
        {"block": "fused-mbconv"},
        {"block": "separable"},
        {"block": "conv"},
        {"block": "basic"},
        {"block": "bottleneck"},
    ],
    ids=lambda stage: f"{stage['block']}-{stage.get('expand_ratio', 1)}",
)
def test_a_zeroed_block_is_its_skip_and_still_learns(stage: dict[str, Any]) -> None:
    network = one_stage(**stage)
    assert zero_last_norms(network) == 3
    network.train()
    for block in network.stages[0]:
        features = torch.randn(4, 16, 8, 8)
        expected = features
        if hasattr(block, "projection"):
            expected = block.activation(block.projection(features.clone()))
        torch.testing.assert_close(block(features.clone()), expected)
        block(features).square().sum().backward()
        last = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
        zeroed = [norm for norm in last if not norm.weight.any()]
        assert len(zeroed) == 1
        assert zeroed[0].weight.grad is not None
        assert zeroed[0].weight.grad.any()


def test_a_norm_that_a_rectifier_follows_is_left_alone() -> None:
    assert zero_last_norms(one_stage(block="separable", activation="relu")) == 0
    assert zero_last_norms(one_stage(block="mbconv", activation="relu")) == 3


def test_a_block_without_a_skip_is_left_alone() -> None:
    assert zero_last_norms(one_stage(block="mbconv", skip=False)) == 0
    network = build(resized(find_network("efficientnet-b0"), classes=3), device="meta")
    # 16 blocks in 7 stages, of which the first of each changes channels or size.
    assert zero_last_norms(network) == 9


class Foreign(nn.Module):
    """A residual block of another house, with a convolution after its last norm."""

    def __init__(self) -> None:
        super().__init__()
        self.has_skip = True
        self.body = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.SiLU())
        self.norm = nn.BatchNorm2d(4)
        self.mix = nn.Conv2d(4, 4, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        mixed: Tensor = self.mix(self.norm(self.body(features)))
        return features + mixed


def test_a_third_partys_block_is_found_by_its_skip() -> None:
    block = Foreign()
    assert zero_last_norms(nn.Sequential(block)) == 1
    features = torch.randn(2, 4, 3, 3)
    assert torch.equal(block(features), features)


def test_building_alone_zeroes_nothing_and_pretrained_weights_are_kept() -> None:
    network = one_stage(block="mbconv")
    recipe = load_recipe("short")
    apply_settings(network, recipe, fresh=False)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.weight.all() for norm in norms)
    apply_settings(network, recipe, fresh=True)
    assert sum(not norm.weight.any() for norm in norms) == 3


def test_drop_path_is_the_specs_own_rule() -> None:
    spec = dataclasses.replace(find_network("efficientnet-b0"), drop_path=0.0, classes=5)
    network = build(spec, device="meta")
    set_drop_path(network, 0.2)
    expected = build(dataclasses.replace(spec, drop_path=0.2), device="meta")
    ours, theirs = (
        [m.probability for m in net.modules() if isinstance(m, StochasticDepth)]
        for net in (network, expected)
    )
    assert ours == pytest.approx(theirs)
    assert max(ours) > 0.15


def test_dropout_is_overridden() -> None:
    network = one_stage(block="mbconv")
    apply_settings(network, load_recipe("short", dropout=0.35), fresh=True)
    assert network.head.dropout.p == 0.35


def test_frozen_stages_stay_in_evaluation(small_network: Network) -> None:
    frozen = freeze(small_network, 1)
    train_mode(small_network, frozen)
    assert not small_network.stem.training
    assert not small_network.stages[0].training
    assert small_network.stages[1].training
    assert not any(weight.requires_grad for weight in small_network.stages[0].parameters())
    assert all(weight.requires_grad for weight in small_network.stages[1].parameters())
    with pytest.raises(TrainingError, match="the network has 2 stages"):
        freeze(small_network, 3)
    with pytest.raises(TrainingError, match="no stem and stages"):
        freeze(nn.Linear(2, 2), 1)


def test_how_many_classes_a_network_tells_apart(small_network: Network) -> None:
    assert output_classes(small_network) == 4
    assert output_classes(nn.Sequential(nn.Linear(3, 9), nn.ReLU(), nn.Linear(9, 7))) == 7
    assert output_classes(nn.Conv2d(3, 3, 1)) is None


@pytest.mark.parametrize("name", ["efficientnet-b0", "efficientnet-b7", "mobilenet-v2"])
def test_a_classifier_of_imagenets_classes_begins_as_the_reference_does(name: str) -> None:
    """The limit is above what 1 / sqrt(1000) gives, so published initialisations stay exact."""
    head = build(find_network(name)).head.classifier
    before = head.weight.detach().clone()
    assert limit_first_logits(head) == 1
    assert torch.equal(head.weight, before)


@pytest.mark.parametrize("name", ["efficientnet-b0", "mobilenet-v2"])
def test_a_classifier_of_few_classes_begins_without_an_opinion(name: str) -> None:
    spec = resized(find_network(name), resolution=32, classes=8)
    network, recipe = build(spec, seed=0), load_recipe("short")
    images, labels = torch.randn(32, 3, 32, 32), torch.arange(32) % 8
    chance = math.log(8)
    network.train()
    drawn = nn.functional.cross_entropy(network(images), labels).item()
    apply_settings(network, recipe, fresh=True)
    limited = nn.functional.cross_entropy(network(images), labels).item()
    assert drawn > 2 * chance
    assert limited < 1.5 * chance
    kept = network.head.classifier.weight.detach().clone()
    apply_settings(network, recipe, fresh=False)
    assert torch.equal(network.head.classifier.weight, kept)


def test_a_network_without_a_linear_layer_is_left_alone() -> None:
    assert limit_first_logits(nn.Sequential(nn.Conv2d(3, 4, 1))) == 1
