"""Depthwise-separable convolution (MobileNetV1): depthwise, then pointwise, both activated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.arithmetic import Cost, convolution, squeeze_excite
from nas.blocks.kind import BlockKind, no_options, squeezed_channels
from nas.errors import SpecError
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn


def check_separable(block: BlockSpec) -> None:
    """A separable block has nothing to expand."""
    no_options(block)
    if block.expand_ratio != 1:
        raise SpecError(
            f"stage.expand_ratio is {block.expand_ratio}; block kind 'separable' does not expand, "
            "use 1 or the kind 'mbconv'"
        )


def separable_cost(block: BlockSpec) -> Cost:
    """Cost of one depthwise-separable convolution."""
    channels = block.in_channels
    waiting = channels * block.in_size * block.in_size if block.has_skip else 0
    cost = convolution(
        channels, channels, block.kernel, block.in_size, block.out_size, groups=channels
    )
    if block.se is not None:
        squeezed = squeezed_channels(block, channels)
        cost += squeeze_excite(channels, squeezed, block.out_size).holding(waiting)
    pointwise = convolution(channels, block.out_channels, 1, block.out_size, block.out_size)
    return cost + pointwise.holding(waiting)


def build_separable(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one depthwise-separable convolution."""
    from nas.modules import Separable

    squeezed = None if block.se is None else squeezed_channels(block, block.in_channels)
    return Separable(block, norm, squeezed=squeezed)


SEPARABLE = BlockKind("separable", separable_cost, build_separable, check_separable, expands=False)
