"""ResNet's residual blocks, `basic` and `bottleneck`, and ResNeXt's grouped ones.

`expand_ratio` is the width inside over the output's width: 1 in ResNet's basic block, 0.25 in its
bottleneck, 0.5 in ResNeXt-50 and in the wide ResNets. Option `groups` splits the bottleneck's
spatial convolution. The skip is a 1x1 convolution with batch norm where the shape changes;
`skip=False` leaves it out altogether.

Source: He et al. (arXiv 1512.03385), Xie et al. (arXiv 1611.05431). The bottleneck strides in its
spatial convolution, as torchvision does (called v1.5); the paper strides in the first 1x1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas.arithmetic import Cost, convolution
from nas.blocks.kind import BlockKind, no_options
from nas.channels import round_channels
from nas.errors import SpecError
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn

MOST_GROUPS = 1024


def groups_of(block: BlockSpec) -> int:
    """Groups of the bottleneck's spatial convolution; 1 unless the option says otherwise."""
    return int(block.option("groups", 1))


def inner_channels(block: BlockSpec) -> int:
    """Width inside a block: a multiple of 8 and of the groups, so that any scaled width works.

    Every published ResNet and ResNeXt has such widths. At ratio 1 the output's width stays as it
    is where the groups divide it.
    """
    groups = groups_of(block)
    if block.expand_ratio == 1 and block.out_channels % groups == 0:
        return block.out_channels
    return round_channels(block.out_channels * block.expand_ratio, math.lcm(8, groups))


def has_projection(block: BlockSpec) -> bool:
    """Whether the skip connection must change the shape."""
    return block.skip and not block.has_skip


def check_basic(block: BlockSpec) -> None:
    """Refuse settings that this kind would leave unread."""
    no_options(block)
    _no_squeeze_excite(block)


def check_bottleneck(block: BlockSpec) -> None:
    """Refuse settings that this kind would leave unread, and impossible groups."""
    _no_squeeze_excite(block)
    for key, value in block.options:
        if key != "groups":
            raise SpecError(
                f"stage.options.{key} is unknown; block kind 'bottleneck' has the option 'groups'"
            )
        if type(value) is not int or not 1 <= value <= MOST_GROUPS:
            raise SpecError(
                f"stage.options.groups is {value!r}; it must be a whole number from 1 to "
                f"{MOST_GROUPS}"
            )


def _no_squeeze_excite(block: BlockSpec) -> None:
    if block.se is not None:
        raise SpecError(
            f"stage.se is set; block kind '{block.kind}' has no squeeze-excite, leave it out or "
            "use the kind 'mbconv'"
        )


def basic_cost(block: BlockSpec) -> Cost:
    """Cost of two spatial convolutions and the skip."""
    inner, kernel = inner_channels(block), block.kernel
    first = convolution(block.in_channels, inner, kernel, block.in_size, block.out_size)
    second = convolution(inner, block.out_channels, kernel, block.out_size, block.out_size)
    return first + second.holding(_waiting(block)) + _projection_cost(block)


def bottleneck_cost(block: BlockSpec) -> Cost:
    """Cost of reduce, spatial convolution, restore and the skip."""
    inner, waiting = inner_channels(block), _waiting(block)
    reduce = convolution(block.in_channels, inner, 1, block.in_size, block.in_size)
    spatial = convolution(
        inner, inner, block.kernel, block.in_size, block.out_size, groups=groups_of(block)
    )
    restore = convolution(inner, block.out_channels, 1, block.out_size, block.out_size)
    branch = reduce + (spatial + restore).holding(waiting)
    return branch + _projection_cost(block)


def _waiting(block: BlockSpec) -> int:
    """Elements of the input, which waits for the skip after the first layer has read it."""
    return block.in_channels * block.in_size**2 if block.skip else 0


def _projection_cost(block: BlockSpec) -> Cost:
    if not has_projection(block):
        return Cost()
    projection = convolution(
        block.in_channels, block.out_channels, 1, block.in_size, block.out_size
    )
    # It runs last: the branch's output waits for the sum.
    return projection.holding(block.out_channels * block.out_size**2)


def build_basic(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one basic block."""
    from nas.resnet_modules import Basic

    return Basic(block, norm, inner=inner_channels(block), projection=has_projection(block))


def build_bottleneck(block: BlockSpec, norm: NormSpec) -> nn.Module:
    """The module of one bottleneck."""
    from nas.resnet_modules import Bottleneck

    return Bottleneck(
        block,
        norm,
        inner=inner_channels(block),
        groups=groups_of(block),
        projection=has_projection(block),
    )


BASIC = BlockKind("basic", basic_cost, build_basic, check_basic)
BOTTLENECK = BlockKind("bottleneck", bottleneck_cost, build_bottleneck, check_bottleneck)
