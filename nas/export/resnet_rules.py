"""What torchvision's and timm's ResNet classes have in common, and a spec need not have."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nas.blocks.resnet import groups_of, inner_channels
from nas.export.errors import inexpressible
from nas.spec import ArchSpec, BlockSpec

_STEM_CHANNELS, _STEM_KERNEL = 64, 7
_REFERENCE_PLANES = 64


def refuse_other_resnets(arch: ArchSpec, theirs: str) -> None:
    """Refuse another stem, stride, kernel, skip or mixture than both libraries have.

    Raises: ExportError naming the part.
    """
    stem = arch.stem
    parts: tuple[tuple[str, object, object], ...] = (
        ("stem.channels", stem.channels, _STEM_CHANNELS),
        ("stem.kernel", stem.kernel, _STEM_KERNEL),
        ("stem.stride", stem.stride, 2),
        ("stem.max_pool", stem.max_pool, True),
    )
    for part, value, needed in parts:
        if value != needed:
            raise inexpressible(part, value, theirs, f"has {needed} there")
    activation = stem.activation or arch.activation
    first = arch.stages[0]
    for index, stage in enumerate(arch.stages):
        parts = (
            ("stride", stage.stride, 1 if index == 0 else 2),
            ("kernel", stage.kernel, 3),
            ("skip", stage.skip, True),
            ("activation", stage.activation or arch.activation, activation),
            ("options.groups", stage.option("groups", 1), first.option("groups", 1)),
        )
        for part, value, needed in parts:
            if value != needed:
                raise inexpressible(f"stages[{index}].{part}", value, theirs, f"has {needed} there")


def base_width(blocks: Sequence[BlockSpec], planes: Sequence[int], theirs: str) -> float:
    """The libraries' measure of a bottleneck's inner width, one for the first block of each stage.

    Inner width = floor(planes * base / 64) * groups, where planes are a quarter of the output.
    Raises: ExportError naming the stage whose width no common measure gives.
    """
    groups = groups_of(blocks[0])
    widths = [inner_channels(block) // groups for block in blocks]
    low, narrowest = max(
        (_REFERENCE_PLANES * width / each, index)
        for index, (width, each) in enumerate(zip(widths, planes, strict=True))
    )
    # A whole number where one will do; else the least, or the next float where division cut it.
    for base in (float(math.ceil(low)), low, math.nextafter(low, math.inf)):
        if [math.floor(each * (base / _REFERENCE_PLANES)) for each in planes] == widths:
            return base
    raise inexpressible(
        f"stages[{narrowest}].expand_ratio",
        blocks[narrowest].expand_ratio,
        theirs,
        "has one ratio of widths in all stages, and this one is rounded to another",
    )
