"""timm's names for the blocks that its MobileNets, MnasNets and EfficientNets share.

Source: timm/models/_efficientnet_blocks.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.export.keymaps.pairs import Pair, conv_norm, place, squeeze_excite
from nas.spec import BlockSpec


def timm_block(block: BlockSpec, theirs: str) -> Iterator[Pair]:
    """The layers of one block at timm's module `theirs`; any kind but ResNet's."""
    ours = place(block)
    layers: tuple[tuple[str, str], ...]
    if block.kind == "separable":
        layers = (("depthwise", "conv_dw"), ("pointwise", "conv_pw"))
    elif block.kind == "conv" or (block.kind == "fused-mbconv" and block.expand_ratio == 1):
        layers = (("conv", "conv"),)
    elif block.kind == "fused-mbconv":
        layers = (("expand", "conv_exp"), ("project", "conv_pwl"))
    elif block.expand_ratio == 1:
        # timm has another class here (`ds`, DepthwiseSeparableConv), with other names.
        layers = (("depthwise", "conv_dw"), ("project", "conv_pw"))
    else:
        layers = (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
    for number, (layer, convolution) in enumerate(layers, start=1):
        yield from conv_norm(f"{ours}.{layer}", f"{theirs}.{convolution}", f"{theirs}.bn{number}")
    if block.se is not None:
        yield from squeeze_excite(ours, f"{theirs}.se.conv_reduce", f"{theirs}.se.conv_expand")
