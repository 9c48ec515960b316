"""Fused MBConv: a regular k x k convolution that expands, squeeze-excite, a 1x1 projection.

Source: EfficientNetV2 (2104.00298), figure 2; timm's EdgeResidual. At expand ratio 1 it is a single
k x k convolution with activation, the kind `conv`, as in EfficientNetV2's first stage; timm's
EdgeResidual keeps the projection there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.arithmetic import Cost, convolution, squeeze_excite
from nas.blocks.conv import build_conv, conv_cost
from nas.blocks.kind import BlockKind, expanded_channels, squeezed_channels
from nas.blocks.skip import check_skip_option, skip_cost, waiting_values
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn


def fused_mbconv_cost(block: BlockSpec) -> Cost:
    """Cost of one fused MBConv."""
    if block.expand_ratio == 1:
        return conv_cost(block)
    expanded = expanded_channels(block)
    waiting = waiting_values(block)
    # The block's input is this layer's input too: nothing more waits.
    cost = convolution(block.in_channels, expanded, block.kernel, block.in_size, block.out_size)
    if block.se is not None:
        squeezed = squeezed_channels(block, expanded)
        cost += squeeze_excite(expanded, squeezed, block.out_size).holding(waiting)
    project = convolution(expanded, block.out_channels, 1, block.out_size, block.out_size)
    return cost + project.holding(waiting) + skip_cost(block)


def build_fused_mbconv(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one fused MBConv."""
    if block.expand_ratio == 1:
        return build_conv(block, norm)
    from nas.modules import ConvNorm, Residual, SqueezeExciteGate

    expanded = expanded_channels(block)
    layers: dict[str, nn.Module] = {
        "expand": ConvNorm(
            block.in_channels,
            expanded,
            block.kernel,
            norm,
            stride=block.stride,
            activation=block.activation,
        )
    }
    if block.se is not None:
        squeezed = squeezed_channels(block, expanded)
        layers["se"] = SqueezeExciteGate(expanded, squeezed, block.se, block.activation)
    layers["project"] = ConvNorm(expanded, block.out_channels, 1, norm)
    return Residual(block, layers)


FUSED_MBCONV = BlockKind("fused-mbconv", fused_mbconv_cost, build_fused_mbconv, check_skip_option)
