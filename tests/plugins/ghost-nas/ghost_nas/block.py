"""Block kind `ghost`: GhostNet's bottleneck (Han et al., arXiv 1911.11907, figure 3).

A ghost module makes 1 / ratio of its channels by a 1x1 convolution and the rest by depthwise
convolutions of those. The bottleneck is a ghost module that expands, a depthwise convolution where
it has a stride, squeeze-excite, and a ghost module that projects.

Two deviations. The paper adds a convolutional shortcut where shapes differ; here such a block has
none, as in MBConv. The paper fixes the kernel of the cheap operations at 3; here it is the
stage's kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.arithmetic import Cost, convolution, squeeze_excite
from nas.blocks import BlockKind, expanded_channels, squeezed_channels
from nas.errors import SpecError
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn

DEFAULT_RATIO = 2
"""Half of the channels are cheap: the paper's s = 2."""


def ratio_of(block: BlockSpec) -> int:
    """How many output channels one primary channel accounts for."""
    return int(block.option("ratio", DEFAULT_RATIO))


def check_ghost(block: BlockSpec) -> None:
    """Refuse options that this kind does not know."""
    for key, value in block.options:
        if key != "ratio":
            raise SpecError(f"stage.options.{key} is unknown to block kind 'ghost'; it has 'ratio'")
        if type(value) is not int or not 2 <= value <= 8:
            raise SpecError(f"stage.options.ratio is {value!r}; use a whole number from 2 to 8")


def primary_channels(channels: int, ratio: int) -> int:
    """Channels that the 1x1 convolution makes; rounded up, the surplus is cut off."""
    return -(-channels // ratio)


def ghost_module_cost(block: BlockSpec, inputs: int, outputs: int, size: int) -> Cost:
    """Cost of one ghost module at feature maps of `size` pixels."""
    primary = primary_channels(outputs, ratio_of(block))
    cheap = primary * (ratio_of(block) - 1)
    return convolution(inputs, primary, 1, size, size) + convolution(
        primary, cheap, block.kernel, size, size, groups=primary
    )


def ghost_cost(block: BlockSpec) -> Cost:
    """Cost of one ghost bottleneck."""
    expanded = expanded_channels(block)
    waiting = block.in_channels * block.in_size**2 if block.has_skip else 0
    cost = ghost_module_cost(block, block.in_channels, expanded, block.in_size)
    if block.stride > 1:
        cost += convolution(
            expanded, expanded, block.kernel, block.in_size, block.out_size, groups=expanded
        )
    if block.se is not None:
        cost += squeeze_excite(expanded, squeezed_channels(block, expanded), block.out_size)
    cost += ghost_module_cost(block, expanded, block.out_channels, block.out_size)
    return cost.holding(waiting)


def build_ghost(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one ghost bottleneck."""
    from ghost_nas.module import GhostBottleneck

    expanded = expanded_channels(block)
    squeezed = None if block.se is None else squeezed_channels(block, expanded)
    return GhostBottleneck(block, norm, expanded=expanded, squeezed=squeezed, ratio=ratio_of(block))


GHOST = BlockKind("ghost", ghost_cost, build_ghost, check_ghost)
