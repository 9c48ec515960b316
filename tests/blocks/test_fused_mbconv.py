"""Fused MBConv and the regular convolution: exact costs, and timm's and torchvision's numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.blocks import block_kind
from nas.blocks.conv import CONV
from nas.blocks.fused_mbconv import FUSED_MBCONV
from nas.cost import describe_stage, network_cost
from nas.counting import Counted, count
from nas.errors import SpecError
from nas.spec import (
    ArchSpec,
    BlockSpec,
    HeadSpec,
    NormSpec,
    SqueezeExcite,
    StageSpec,
    StemSpec,
    expand_stage,
)
from nas.testing import check_block_kind
from nas.testing.counting import claim_equal

NORM = NormSpec(eps=1e-5, momentum=0.1)


def block_of(stage: StageSpec, in_channels: int, size: int = 9) -> BlockSpec:
    (block,) = expand_stage(stage, in_channels, size, "silu")
    return block


@pytest.mark.parametrize("kind", [FUSED_MBCONV, CONV], ids=lambda kind: kind.name)
def test_the_block_costs_what_torch_counts(kind: Any) -> None:
    of_expanded = SqueezeExcite(of="expanded", divisor=8)
    check_block_kind(
        kind,
        kernels=(1, 3, 7),
        squeeze_excites=(None, SqueezeExcite(), of_expanded),
        options=({}, {"skip": "pool"}),
    )


CASES = [
    StageSpec("fused-mbconv", 24, 1, expand_ratio=4),
    StageSpec("fused-mbconv", 24, 1, expand_ratio=3, kernel=5, se=SqueezeExcite(of="expanded")),
    StageSpec("fused-mbconv", 40, 1, expand_ratio=6, stride=2),
    StageSpec("fused-mbconv", 24, 1, expand_ratio=2, skip=False, se=SqueezeExcite(of="expanded")),
]


def edge_residual(block: BlockSpec) -> nn.Module:
    """timm's module with the settings of `block`."""
    blocks = pytest.importorskip("timm.models._efficientnet_blocks")
    se = None if block.se is None else lambda *a, **k: blocks.SqueezeExcite(*a, rd_ratio=0.25, **k)
    module: nn.Module = blocks.EdgeResidual(
        block.in_channels,
        block.out_channels,
        exp_kernel_size=block.kernel,
        stride=block.stride,
        exp_ratio=block.expand_ratio,
        noskip=not block.skip,
        act_layer=nn.SiLU,
        se_layer=se,
    )
    return module


def from_timm(state: dict[str, Tensor], ours: tuple[str, ...]) -> dict[str, Tensor]:
    """timm's tensors under the names that `ours` holds, one by one."""
    names = {
        "expand.conv": "conv_exp",
        "expand.norm": "bn1",
        "se.reduce": "se.conv_reduce",
        "se.expand": "se.conv_expand",
        "project.conv": "conv_pwl",
        "project.norm": "bn2",
        "conv.conv": "conv",
        "conv.norm": "bn1",
    }
    renamed = {}
    for name in ours:
        module, _, tensor = name.rpartition(".")
        renamed[name] = state[f"{names[module]}.{tensor}"]
    assert len(renamed) == len(state)
    return renamed


def trained_a_little(module: nn.Module, images: Tensor) -> None:
    """Batch norms that have seen data: untrained defaults would hide a swap."""
    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.weight.uniform_(0.8, 1.2)
                norm.bias.normal_(0, 0.1)
        module.train()(images)
    module.eval()


def claim_same_numbers(theirs: nn.Module, block: BlockSpec) -> None:
    torch.manual_seed(0)
    images = torch.randn(4, block.in_channels, block.in_size, block.in_size)
    trained_a_little(theirs, images)
    ours = block_kind(block.kind).build(block, NORM).eval()
    state = from_timm(theirs.state_dict(), tuple(ours.state_dict()))
    ours.load_state_dict(state, strict=True)
    with torch.inference_mode():
        expected, found = theirs(images.clone()), ours(images.clone())
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 1e-5
    with torch.device("meta"):
        counted: Counted = count(theirs.to("meta"), block.in_channels, block.in_size)
    claim_equal(block_kind(block.kind).cost(block), counted, block.kind)


@pytest.mark.parametrize("stage", CASES, ids=describe_stage)
def test_a_fused_mbconv_is_timms_edge_residual(stage: StageSpec) -> None:
    block = block_of(stage, 24)
    claim_same_numbers(edge_residual(block), block)


@pytest.mark.parametrize("kind", ["conv", "fused-mbconv"])
@pytest.mark.parametrize(("channels", "stride"), [(24, 1), (40, 2)])
def test_without_expansion_it_is_timms_convolution(kind: str, channels: int, stride: int) -> None:
    blocks = pytest.importorskip("timm.models._efficientnet_blocks")
    theirs = blocks.ConvBnAct(24, channels, 5, stride=stride, skip=True, act_layer=nn.SiLU)
    block = block_of(StageSpec(kind, channels, 1, kernel=5, stride=stride), 24)
    claim_same_numbers(theirs, block)


def efficientnet_v2_s() -> ArchSpec:
    """EfficientNetV2-S as torchvision lists it: kind, expand, stride, channels, layers."""
    rows = (
        ("fused-mbconv", 1, 1, 24, 2),
        ("fused-mbconv", 4, 2, 48, 4),
        ("fused-mbconv", 4, 2, 64, 4),
        ("mbconv", 4, 2, 128, 6),
        ("mbconv", 6, 1, 160, 9),
        ("mbconv", 6, 2, 256, 15),
    )
    stages = tuple(
        StageSpec(
            kind,
            channels,
            layers,
            stride=stride,
            expand_ratio=expand,
            se=SqueezeExcite() if kind == "mbconv" else None,
        )
        for kind, expand, stride, channels, layers in rows
    )
    return ArchSpec(StemSpec(24), stages, HeadSpec(1280), resolution=384)


def test_efficientnet_v2_s_costs_what_torchvisions_does() -> None:
    models = pytest.importorskip("torchvision").models
    arch = efficientnet_v2_s()
    with torch.device("meta"):
        theirs = models.efficientnet_v2_s()
    claim_equal(network_cost(arch), count(theirs, 3, 384), "EfficientNetV2-S")
    assert network_cost(arch).params == 21_458_488


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (StageSpec("conv", 16, 1, expand_ratio=2), "expand_ratio is 2; .* does not expand, use 1"),
        (StageSpec("conv", 16, 1, options=(("groups", 2),)), r"options\.groups is unknown"),
        (StageSpec("fused-mbconv", 16, 1, options=(("ratio", 2),)), "has only 'skip'"),
    ],
)
def test_settings_that_would_stay_unread_are_refused(stage: StageSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        network_cost(ArchSpec(StemSpec(8), (stage,), HeadSpec()))


def test_a_table_shows_an_expand_ratio_only_where_it_is_read() -> None:
    assert describe_stage(StageSpec("conv", 8, 1)) == "conv k3x3"
    assert describe_stage(StageSpec("fused-mbconv", 8, 1, stride=2)) == "fused-mbconv1 k3x3 /2"
    assert describe_stage(StageSpec("mbconv", 8, 1, skip=False)) == "mbconv1 k3x3 no skip"
