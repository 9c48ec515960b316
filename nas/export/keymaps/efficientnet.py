"""EfficientNet's names, and those of what timm builds with the same class (MnasNet).

Both libraries' classes take fused MBConv and single convolutions too, as EfficientNetV2 has them;
timm's also MobileNetV1's separable block.

A block without squeeze-excite leaves its place free in torchvision's numbering, because
torchvision's MBConv always puts a layer there; its builder must put an identity.

Source: torchvision/models/efficientnet.py and timm/models/efficientnet.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.errors import SpecError
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

KINDS: dict[Library, tuple[str, ...]] = {
    "torchvision": ("mbconv", "fused-mbconv", "conv"),
    "timm": ("mbconv", "fused-mbconv", "conv", "separable"),
}


def efficientnet_pairs(arch: ArchSpec, library: Library) -> Iterator[Pair]:
    """Every layer of a network of `mbconv` stages, and of the kinds that go with it.

    Raises: SpecError naming the part that has no counterpart.
    """
    theirs = f"{library}'s EfficientNet"
    require_block(arch, KINDS[library], theirs)
    refuse_pooled_skips(arch, theirs)
    require_head(arch, theirs, convolution=True, hidden=False)
    _refuse_gated_convolutions(arch, theirs, library)
    if library == "torchvision":
        refuse_idle_expansion(arch)
        return _torchvision(arch)
    return _timm(arch)


def _refuse_gated_convolutions(arch: ArchSpec, theirs: str, library: Library) -> None:
    """Refuse squeeze-excite where neither library has one, or torchvision has none."""
    for index, stage in enumerate(arch.stages):
        fused = stage.block == "fused-mbconv" and stage.expand_ratio != 1
        gated = stage.block in ("mbconv", "separable") or (fused and library == "timm")
        if stage.se is not None and not gated:
            raise SpecError(
                f"stages[{index}].se is set; {theirs} has no squeeze-excite in a block of kind "
                f"'{stage.block}', so this network keeps its own names"
            )


def _torchvision(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "features.0.0", "features.0.1")
    for block in arch.blocks():
        ours, theirs = place(block), f"features.{block.stage + 1}.{block.layer}.block"
        if block.kind != "mbconv":
            yield from _torchvision_fused(block, theirs)
            continue
        # expand (absent at ratio 1), depthwise, squeeze-excite, project: numbered in that order.
        number = 0
        for layer in ("expand", "depthwise", "se", "project"):
            if layer == "expand" and block.expand_ratio == 1:
                continue
            where = f"{theirs}.{number}"
            if layer != "se":
                yield from conv_norm(f"{ours}.{layer}", f"{where}.0", f"{where}.1")
            elif block.se is not None:
                yield from squeeze_excite(ours, f"{where}.fc1", f"{where}.fc2")
            number += 1
    last = len(arch.stages) + 1
    yield from conv_norm("head.conv", f"features.{last}.0", f"features.{last}.1")
    yield biased("head.classifier", "classifier.1")


def _torchvision_fused(block: BlockSpec, theirs: str) -> Iterator[Pair]:
    single = block.kind == "conv" or block.expand_ratio == 1
    for number, layer in enumerate(("conv",) if single else ("expand", "project")):
        where = f"{theirs}.{number}"
        yield from conv_norm(f"{place(block)}.{layer}", f"{where}.0", f"{where}.1")


def _timm(arch: ArchSpec) -> Iterator[Pair]:
    yield from conv_norm("stem", "conv_stem", "bn1")
    for block in arch.blocks():
        yield from timm_block(block, f"blocks.{block.stage}.{block.layer}")
    yield from conv_norm("head.conv", "conv_head", "bn2")
    yield biased("head.classifier", "classifier")
