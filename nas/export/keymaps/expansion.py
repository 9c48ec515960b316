"""A limit of torchvision's inverted bottlenecks: an expansion that widens nothing has no place."""

from __future__ import annotations

from nas.blocks import expanded_channels
from nas.errors import SpecError
from nas.spec import ArchSpec


def refuse_idle_expansion(arch: ArchSpec) -> None:
    """Refuse an expand ratio that rounding makes 1: torchvision then builds no expansion.

    Raises: SpecError naming the stage.
    """
    for block in arch.blocks():
        if block.expand_ratio != 1 and expanded_channels(block) == block.in_channels:
            raise SpecError(
                f"stages[{block.stage}].expand_ratio is {block.expand_ratio:g}, which leaves "
                f"{block.in_channels} channels as they are; torchvision then has no expansion "
                "to hold its weights, use 1"
            )
