"""MobileNetV3's names: `mbconv` stages and a hidden layer after pooling.

Source: torchvision/models/mobilenetv3.py and timm/models/mobilenetv3.py. timm's hidden layer is a
1x1 convolution, so its weight has two more dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.export.keymaps.expansion import refuse_idle_expansion
from nas.export.keymaps.pairs import (
    Library,
    Pair,
    biased,
    conv_norm,
    place,
    refuse_pooled_skips,
    require_block,
    require_head,
    squeeze_excite,
)
from nas.export.keymaps.timm_blocks import timm_block
from nas.spec import ArchSpec, BlockSpec


def mobilenet_v3_pairs(arch: ArchSpec, library: Library) -> Iterator[Pair]:
    """Every layer of a network of `mbconv` stages with a hidden layer in its head.

    Raises: SpecError naming the part that has no counterpart.
    """
    theirs = f"{library}'s MobileNetV3"
    require_block(arch, ("mbconv",), theirs)
    refuse_pooled_skips(arch, theirs)
    require_head(arch, theirs, convolution=True, hidden=True)
    if library == "torchvision":
        refuse_idle_expansion(arch)
        return _torchvision(arch)
    return _timm(arch)


def _torchvision(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "features.0.0", "features.0.1")
    last = 1
    for block in arch.blocks():
        ours = place(block)
        present = [
            layer
            for layer, there in (
                ("expand", block.expand_ratio != 1),
                ("depthwise", True),
                ("se", block.se is not None),
                ("project", True),
            )
            if there
        ]
        for number, layer in enumerate(present):
            where = f"features.{last}.block.{number}"
            if layer == "se":
                yield from squeeze_excite(ours, f"{where}.fc1", f"{where}.fc2")
            else:
                yield from conv_norm(f"{ours}.{layer}", f"{where}.0", f"{where}.1")
        last += 1
    yield from conv_norm("head.conv", f"features.{last}.0", f"features.{last}.1")
    yield biased("head.hidden.0", "classifier.0")
    yield biased("head.classifier", "classifier.3")


def _timm(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "conv_stem", "bn1")
    stage = -1
    for stage, layer, block in _timm_places(arch):
        yield from timm_block(block, f"blocks.{stage}.{layer}")
    last = f"blocks.{stage + 1}.0"
    yield from conv_norm("head.conv", f"{last}.conv", f"{last}.bn1")
    yield biased("head.hidden.0", "conv_head", as_convolution=True)
    yield biased("head.classifier", "classifier")


def _timm_places(arch: ArchSpec) -> Iterator[tuple[int, int, BlockSpec]]:
    """Stage and layer of each block in timm: one of its stages is a run of equal width."""
    stage, layer, channels = -1, 0, None
    for block in arch.blocks():
        if block.out_channels != channels:
            stage, layer, channels = stage + 1, 0, block.out_channels
        yield stage, layer, block
        layer += 1
