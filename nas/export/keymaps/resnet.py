"""ResNet's names, which torchvision and timm share.

Source: torchvision/models/resnet.py and timm/models/resnet.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.blocks.resnet import has_projection
from nas.errors import SpecError
from nas.export.keymaps.pairs import (
    Library,
    Pair,
    biased,
    conv_norm,
    place,
    require_block,
    require_head,
)
from nas.spec import ArchSpec

STAGES = 4
LAYERS = {"basic": ("first", "second"), "bottleneck": ("reduce", "spatial", "restore")}


def resnet_pairs(arch: ArchSpec, library: Library) -> Iterator[Pair]:
    """Every layer of a network of `basic` or of `bottleneck` stages.

    Raises: SpecError naming the part that has no counterpart.
    """
    theirs = f"{library}'s ResNet"
    require_block(arch, (arch.stages[0].block,), theirs)
    require_head(arch, theirs, convolution=False, hidden=False)
    if len(arch.stages) != STAGES:
        raise SpecError(
            f"stages has {len(arch.stages)} entries; {theirs} has {STAGES}, so this network keeps "
            "its own names"
        )
    return _pairs(arch)


def _pairs(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "conv1", "bn1")
    for block in arch.blocks():
        ours, theirs = place(block), f"layer{block.stage + 1}.{block.layer}"
        for number, layer in enumerate(LAYERS[block.kind], start=1):
            yield from conv_norm(
                f"{ours}.{layer}", f"{theirs}.conv{number}", f"{theirs}.bn{number}"
            )
        if has_projection(block):
            yield from conv_norm(
                f"{ours}.projection", f"{theirs}.downsample.0", f"{theirs}.downsample.1"
            )
    yield biased("head.classifier", "fc")
