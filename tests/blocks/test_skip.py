"""The pooled skip: where it is, what it computes, what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nas.blocks import block_kind
from nas.blocks.skip import check_skip_option, pools_skip, skip_cost, waiting_values
from nas.cost import network_cost
from nas.errors import SpecError
from nas.modules import PooledSkip, Residual
from nas.spec import ArchSpec, BlockSpec, HeadSpec, NormSpec, StageSpec, StemSpec, expand_stage
from nas.testing import check_network

POOLED = (("skip", "pool"),)


def blocks_of(stage: StageSpec, in_channels: int, size: int = 7) -> tuple[BlockSpec, ...]:
    return tuple(expand_stage(stage, in_channels, size, "relu"))


def silenced(module: nn.Module) -> nn.Module:
    """The module with a residual branch of zeros, so that only the skip is left."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.zeros_(norm.weight)
    return module.eval()


@pytest.mark.parametrize("kind", ["mbconv", "fused-mbconv", "conv"])
def test_pooling_gives_the_first_block_a_skip_too(kind: str) -> None:
    stage = StageSpec(kind, 6, 3, stride=2, options=POOLED)
    first, *others = blocks_of(stage, 4)
    images = torch.rand(2, 4, 7, 7)
    module = silenced(block_kind(kind).build(first, NormSpec()))
    result = module(images)
    assert result.shape == (2, 6, 4, 4)
    # The mean of two by two pixels; at the edge, of those that are there.
    assert torch.allclose(result[:, :4, 1, 1], images[:, :, 2:4, 2:4].mean((2, 3)))
    assert torch.allclose(result[:, :4, 3, 3], images[:, :, 6, 6])
    assert not result[:, 4:].any()
    for block in others:
        again = silenced(block_kind(kind).build(block, NormSpec()))
        features = torch.rand(2, 6, 4, 4)
        assert torch.equal(again(features), features)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_any_size_is_pooled_to_the_blocks_size(size: int, stride: int) -> None:
    pooled: Tensor = PooledSkip(stride, 2)(torch.rand(1, 3, size, size))
    side = -(-size // stride)
    assert pooled.shape == (1, 5, side, side)


@pytest.mark.parametrize(
    ("stage", "in_channels", "pools"),
    [
        (StageSpec("mbconv", 8, 1, stride=2, options=POOLED), 8, True),
        (StageSpec("mbconv", 8, 1, options=POOLED), 4, True),
        (StageSpec("mbconv", 8, 1, options=POOLED), 8, False),  # the identity
        (StageSpec("mbconv", 8, 1, stride=2, options=POOLED), 12, False),  # fewer channels
        (StageSpec("mbconv", 8, 1, stride=2), 8, False),
    ],
)
def test_where_a_skip_is_pooled(stage: StageSpec, in_channels: int, pools: bool) -> None:
    (block,) = blocks_of(stage, in_channels)
    assert pools_skip(block) is pools
    module = block_kind("mbconv").build(block, NormSpec())
    assert isinstance(module, Residual)
    assert module.has_skip is (pools or block.has_skip)
    assert (waiting_values(block) > 0) is module.has_skip
    if not pools:
        assert skip_cost(block).peak_activation_bytes == 0


def test_a_pooled_skip_costs_no_flops_or_parameters() -> None:
    def network(options: tuple[tuple[str, str], ...]) -> ArchSpec:
        stages = (StageSpec("conv", 16, 2, stride=2, options=options),)
        return ArchSpec(StemSpec(8), stages, HeadSpec(), resolution=32)

    with_pooling, without = network_cost(network(POOLED)), network_cost(network(()))
    assert with_pooling.flops == without.flops
    assert with_pooling.params == without.params
    assert network(POOLED).digest() != network(()).digest()
    check_network(network(POOLED))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (StageSpec("mbconv", 8, 1, options=(("skip", "max"),)), "options.skip is 'max'"),
        (StageSpec("mbconv", 8, 1, skip=False, options=POOLED), "stage.skip is false"),
        (StageSpec("mbconv", 8, 1, options=(("pool", True),)), "options.pool is unknown"),
    ],
)
def test_impossible_skips_are_refused_in_one_line(stage: StageSpec, message: str) -> None:
    (block,) = blocks_of(stage, 4)
    with pytest.raises(SpecError, match=message) as caught:
        check_skip_option(block)
    assert "\n" not in str(caught.value)
