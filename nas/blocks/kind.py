"""What a block kind is: its name, its cost rule and its module builder, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.arithmetic import Cost
from nas.channels import round_channels
from nas.errors import SpecError
from nas.spec import BlockSpec, NormSpec

if TYPE_CHECKING:
    from torch import nn


def _anything_goes(block: BlockSpec) -> None:
    """A kind without rules of its own."""


def no_options(block: BlockSpec) -> None:
    """Refuse options, for a kind that would leave them unread."""
    if block.options:
        raise SpecError(
            f"stage.options.{block.options[0][0]} is unknown; block kind '{block.kind}' has no "
            "options"
        )


@dataclass(frozen=True)
class BlockKind:
    """A way to build one block.

    cost: the block's cost by arithmetic; the same for all blocks of a stage behind the first, so
        that a deeper stage is counted without being laid out.
    build: the block's module; maps (N, in_channels, in_size, in_size) to
        (N, out_channels, out_size, out_size). It imports torch when called, not before.
    check: raises SpecError where the settings make no sense for this kind.
    expands: whether the kind reads the expand ratio; tables show it only then.
    """

    name: str
    cost: Callable[[BlockSpec], Cost]
    build: Callable[[BlockSpec, NormSpec], nn.Module]
    check: Callable[[BlockSpec], None] = _anything_goes
    expands: bool = True


def expanded_channels(block: BlockSpec) -> int:
    """Width inside an inverted bottleneck: a multiple of 8 where it expands at all.

    Source: torchvision's and timm's MobileNet and EfficientNet builders.
    """
    if block.expand_ratio == 1:
        return block.in_channels
    return round_channels(block.in_channels * block.expand_ratio)


def squeezed_channels(block: BlockSpec, expanded: int) -> int:
    """Width of the squeeze-excite bottleneck; the block must have one."""
    assert block.se is not None
    base = (block.in_channels if block.se.of == "input" else expanded) * block.se.ratio
    if block.se.divisor > 1:
        return round_channels(base, block.se.divisor)
    return max(1, int(base))
