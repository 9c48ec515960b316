"""MobileNetV2's names. timm builds it with EfficientNet's class, so only torchvision's differ.

Source: torchvision/models/mobilenetv2.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.export.keymaps.efficientnet import efficientnet_pairs
from nas.export.keymaps.pairs import (
    Library,
    Pair,
    biased,
    conv_norm,
    place,
    refuse_pooled_skips,
    require_block,
    require_head,
)
from nas.spec import ArchSpec


def mobilenet_v2_pairs(arch: ArchSpec, library: Library) -> Iterator[Pair]:
    """Every layer of a network of `mbconv` stages without squeeze-excite.

    Raises: SpecError naming the part that has no counterpart.
    """
    if library == "timm":
        return efficientnet_pairs(arch, library)
    theirs = "torchvision's MobileNetV2"
    require_block(arch, ("mbconv",), theirs)
    refuse_pooled_skips(arch, theirs)
    require_head(arch, theirs, convolution=True, hidden=False)
    return _torchvision(arch)


def _torchvision(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "features.0.0", "features.0.1")
    last = 1
    for block in arch.blocks():
        ours, theirs = place(block), f"features.{last}.conv"
        number = 0
        if block.expand_ratio != 1:
            yield from conv_norm(f"{ours}.expand", f"{theirs}.0.0", f"{theirs}.0.1")
            number = 1
        yield from conv_norm(f"{ours}.depthwise", f"{theirs}.{number}.0", f"{theirs}.{number}.1")
        # The linear projection is not wrapped with its batch norm.
        yield from conv_norm(f"{ours}.project", f"{theirs}.{number + 1}", f"{theirs}.{number + 2}")
        last += 1
    yield from conv_norm("head.conv", f"features.{last}.0", f"features.{last}.1")
    yield biased("head.classifier", "classifier.1")
