"""Regular convolution with batch norm and activation: the `conv` of MnasNet's search space.

With squeeze-excite, the gate stands behind the activation; MnasNet does not say where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.arithmetic import Cost, convolution, squeeze_excite
from nas.blocks.kind import BlockKind, squeezed_channels
from nas.blocks.skip import check_skip_option, skip_cost, waiting_values
from nas.errors import SpecError
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn


def check_conv(block: BlockSpec) -> None:
    """A regular convolution has nothing to expand."""
    check_skip_option(block)
    if block.expand_ratio != 1:
        raise SpecError(
            f"stage.expand_ratio is {block.expand_ratio:g}; block kind 'conv' does not expand, "
            "use 1 or the kind 'fused-mbconv'"
        )


def conv_cost(block: BlockSpec) -> Cost:
    """Cost of one regular convolution."""
    # The block's input is this layer's input too: nothing more waits.
    cost = convolution(
        block.in_channels, block.out_channels, block.kernel, block.in_size, block.out_size
    )
    if block.se is not None:
        squeezed = squeezed_channels(block, block.out_channels)
        gate = squeeze_excite(block.out_channels, squeezed, block.out_size)
        cost += gate.holding(waiting_values(block))
    return cost + skip_cost(block)


def build_conv(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one regular convolution."""
    from nas.modules import ConvNorm, Residual, SqueezeExciteGate

    layers: dict[str, nn.Module] = {
        "conv": ConvNorm(
            block.in_channels,
            block.out_channels,
            block.kernel,
            norm,
            stride=block.stride,
            activation=block.activation,
        )
    }
    if block.se is not None:
        squeezed = squeezed_channels(block, block.out_channels)
        layers["se"] = SqueezeExciteGate(block.out_channels, squeezed, block.se, block.activation)
    return Residual(block, layers)


CONV = BlockKind("conv", conv_cost, build_conv, check_conv, expands=False)
