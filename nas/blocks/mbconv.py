"""MBConv: expand, depthwise, squeeze-excite, project (MobileNetV2, MnasNet, EfficientNet)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.arithmetic import Cost, convolution, squeeze_excite
from nas.blocks.kind import BlockKind, expanded_channels, squeezed_channels
from nas.blocks.skip import check_skip_option, skip_cost, waiting_values
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn


def mbconv_cost(block: BlockSpec) -> Cost:
    """Cost of one MBConv. The expansion is absent at expand ratio 1."""
    expanded = expanded_channels(block)
    waiting = waiting_values(block)
    cost = Cost()
    if block.expand_ratio != 1:
        # The block's input is this layer's input too: nothing more waits.
        cost += convolution(block.in_channels, expanded, 1, block.in_size, block.in_size)
    depthwise = convolution(
        expanded, expanded, block.kernel, block.in_size, block.out_size, groups=expanded
    )
    cost += depthwise.holding(waiting if block.expand_ratio != 1 else 0)
    if block.se is not None:
        squeezed = squeezed_channels(block, expanded)
        cost += squeeze_excite(expanded, squeezed, block.out_size).holding(waiting)
    project = convolution(expanded, block.out_channels, 1, block.out_size, block.out_size)
    return cost + project.holding(waiting) + skip_cost(block)


def build_mbconv(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one MBConv."""
    from nas.modules import MBConv

    expanded = expanded_channels(block)
    return MBConv(
        block,
        norm,
        expanded=expanded,
        squeezed=None if block.se is None else squeezed_channels(block, expanded),
    )


MBCONV = BlockKind("mbconv", mbconv_cost, build_mbconv, check_skip_option)
