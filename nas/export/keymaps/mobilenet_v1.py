"""MobileNetV1's names in timm; torchvision has no such network.

Source: timm/models/efficientnet.py (`mobilenetv1_100`).
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.errors import SpecError
from nas.export.keymaps.pairs import (
    Library,
    Pair,
    biased,
    conv_norm,
    require_block,
    require_head,
)
from nas.export.keymaps.timm_blocks import timm_block
from nas.spec import ArchSpec


def mobilenet_v1_pairs(arch: ArchSpec, library: Library) -> Iterator[Pair]:
    """Every layer of a network of `separable` stages; a head convolution is timm's `100h`.

    Raises: SpecError naming the part that has no counterpart.
    """
    if library == "torchvision":
        raise SpecError(
            "stages[0].block is 'separable'; torchvision has no MobileNetV1, so this network "
            "keeps its own names there; timm has one"
        )
    theirs = "timm's MobileNetV1"
    require_block(arch, ("separable",), theirs)
    require_head(arch, theirs, convolution=arch.head.channels is not None, hidden=False)
    return _timm(arch)


def _timm(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "conv_stem", "bn1")
    for block in arch.blocks():
        yield from timm_block(block, f"blocks.{block.stage}.{block.layer}")
    if arch.head.channels is not None:
        yield from conv_norm("head.conv", "conv_head", "bn2")
    yield biased("head.classifier", "classifier")
