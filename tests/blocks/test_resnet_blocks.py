"""ResNet's blocks: exact costs, and what they refuse."""

import dataclasses

import pytest
import torch

from nas.blocks import block_kind
from nas.blocks.resnet import BASIC, BOTTLENECK, inner_channels
from nas.cost import network_cost
from nas.errors import SpecError
from nas.model import build
from nas.modules import StochasticDepth
from nas.spec import (
    ArchSpec,
    HeadSpec,
    NormSpec,
    SqueezeExcite,
    StageSpec,
    StemSpec,
    expand_stage,
)
from nas.testing import check_block_kind


def blocks_of(stage: StageSpec, in_channels: int = 64, size: int = 14):
    return list(expand_stage(stage, in_channels, size, "relu"))


def test_the_basic_block_costs_what_torch_counts() -> None:
    check_block_kind(BASIC, expand_ratios=(1, 0.5))


def test_the_bottleneck_costs_what_torch_counts() -> None:
    groups = ({}, {"groups": 1}, {"groups": 3}, {"groups": 32})
    check_block_kind(BOTTLENECK, kernels=(3,), expand_ratios=(0.25, 1), options=groups)


@pytest.mark.parametrize(
    ("channels", "ratio", "groups", "inner"),
    [
        (256, 0.25, 1, 64),  # ResNet-50
        (256, 0.5, 32, 128),  # ResNeXt-50 32x4d
        (256, 1, 64, 256),  # ResNeXt-101 64x4d
        (2048, 0.25, 1, 512),
        (280, 0.25, 1, 72),  # scaled
        (280, 0.5, 32, 128),
        (30, 1, 1, 30),
        (30, 1, 4, 32),
    ],
)
def test_the_inner_width(channels: int, ratio: float, groups: int, inner: int) -> None:
    stage = StageSpec("bottleneck", channels, 1, expand_ratio=ratio, options=(("groups", groups),))
    (block,) = blocks_of(stage)
    assert inner_channels(block) == inner


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("basic", {"options": (("groups", 2),)}, r"options\.groups is unknown"),
        ("bottleneck", {"options": (("width", 2),)}, r"options\.width is unknown.*'groups'"),
        ("bottleneck", {"options": (("groups", 0),)}, r"options\.groups is 0; .* from 1 to"),
        ("bottleneck", {"options": (("groups", 2.5),)}, r"options\.groups is 2\.5"),
        ("bottleneck", {"options": (("groups", True),)}, r"options\.groups is True"),
        ("basic", {"se": SqueezeExcite()}, r"se is set; block kind 'basic'"),
        ("bottleneck", {"se": SqueezeExcite()}, r"se is set; block kind 'bottleneck'"),
    ],
)
def test_what_is_refused_is_named(kind: str, changes: dict, message: str) -> None:
    stage = dataclasses.replace(StageSpec(kind, 64, 1), **changes)
    with pytest.raises(SpecError, match=rf"stages\[0\]\.{message}") as caught:
        network_cost(ArchSpec(StemSpec(8), (stage,), HeadSpec()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_the_skip_is_projected_where_the_shape_changes(kind: str) -> None:
    for in_channels, stride, projected in ((64, 1, False), (64, 2, True), (32, 1, True)):
        (block,) = blocks_of(StageSpec(kind, 64, 1, stride=stride), in_channels)
        module = block_kind(kind).build(block, NormSpec())
        names = {name.partition(".")[0] for name, _ in module.named_parameters()}
        assert ("projection" in names) == projected


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_a_dropped_branch_leaves_the_skip(kind: str) -> None:
    (block,) = blocks_of(StageSpec(kind, 64, 1))
    module = block_kind(kind).build(block, NormSpec())
    images = torch.randn(2, 64, 14, 14)
    last = module.second if kind == "basic" else module.restore
    torch.nn.init.zeros_(last.norm.weight)
    assert torch.equal(module(images), images.relu())


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_without_a_skip_it_is_a_plain_chain(kind: str) -> None:
    (block,) = blocks_of(StageSpec(kind, 64, 1, stride=2, skip=False))
    module = block_kind(kind).build(block, NormSpec())
    assert not any(name.startswith("projection") for name, _ in module.named_parameters())


@pytest.mark.parametrize("activation", ["silu", "relu", "relu6", "hard-swish", "none"])
@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_every_activation_trains(kind: str, activation: str) -> None:
    stages = (StageSpec(kind, 16, 2), StageSpec(kind, 24, 2, stride=2))
    arch = ArchSpec(
        StemSpec(16, max_pool=True),
        stages,
        HeadSpec(hidden=8),
        resolution=32,
        classes=3,
        activation=activation,
        drop_path=0.5,
    )
    network = build(arch, seed=0).train()
    layers = [module for module in network.modules() if isinstance(module, StochasticDepth)]
    assert [layer.probability for layer in layers] == pytest.approx([0.0, 0.125, 0.25, 0.375])
    network(torch.randn(8, 3, 32, 32)).sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
