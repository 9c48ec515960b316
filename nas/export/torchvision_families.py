"""The settings of torchvision's EfficientNet, MobileNetV2, MobileNetV3 and ResNet for a network.

torchvision's classes are narrower than timm's: many numbers are written into them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nas.blocks import expanded_channels, squeezed_channels
from nas.blocks.resnet import groups_of
from nas.channels import round_channels
from nas.export.errors import ExportError, inexpressible
from nas.export.keymaps import family_of
from nas.export.library_names import check_names
from nas.export.resnet_rules import base_width, refuse_other_resnets
from nas.export.source_text import Group, literal
from nas.spec import ArchSpec, BlockSpec

_RESNET_PLANES = (64, 128, 256, 512)


@dataclass(frozen=True)
class TorchvisionModel:
    """A class of torchvision and what it is built with, as source.

    rows: the stages, with `columns` as their heading; empty for a ResNet. imports: import lines.
    notes: what is not quite the same, one line each.
    """

    name: str
    arguments: tuple[str, ...]
    imports: tuple[str, ...]
    columns: str = ""
    rows: tuple[Group, ...] = ()
    keeps_size: bool = False
    without_gate: bool = False
    notes: tuple[str, ...] = ()


def torchvision_model(arch: ArchSpec) -> TorchvisionModel:
    """The class that has `arch`'s names.

    Raises: NasError, in one line, naming the part that it cannot express.
    """
    check_names(arch, "torchvision")
    if arch.in_channels != 3:
        raise inexpressible("in_channels", arch.in_channels, "torchvision", "takes 3 channels")
    return {
        "efficientnet": _efficientnet,
        "mobilenet-v2": _mobilenet_v2,
        "mobilenet-v3": _mobilenet_v3,
        "resnet": _resnet,
    }[family_of(arch)](arch)


def _efficientnet(arch: ArchSpec) -> TorchvisionModel:
    theirs = "torchvision's EfficientNet"
    _need_stem(arch, theirs)
    _need_activation(arch, theirs, "silu")
    _need_multiples_of_8(arch, theirs)
    for block in arch.blocks():
        _need_skip_and_stride(block, theirs)
        if block.se is not None:
            _need_gate(block, theirs, max(1, block.in_channels // 4), "sigmoid", "silu")
    rows, channels = [], arch.stem.channels
    for stage in arch.stages:
        ratio = literal(stage.expand_ratio)
        fused = stage.block != "mbconv"
        items = [
            ratio,
            str(stage.kernel),
            str(stage.stride),
            str(channels),
            str(stage.channels),
            str(stage.layers),
        ]
        if not fused and stage.se is None:
            items.append("block=without_gate")
        rows.append(Group("FusedMBConvConfig(" if fused else "MBConvConfig(", items, ")"))
        channels = stage.channels
    without_gate = any(stage.block == "mbconv" and stage.se is None for stage in arch.stages)
    names = {"EfficientNet", *(row.opening[:-1] for row in rows)}
    if without_gate:
        names.add("MBConv")
    return TorchvisionModel(
        "EfficientNet",
        (
            "SETTING",
            f"dropout={literal(arch.head.dropout)}",
            f"stochastic_depth_prob={literal(arch.drop_path)}",
            "num_classes=CLASSES",
            "norm_layer=norm_layer",
            f"last_channel={arch.head.channels}",
        ),
        (f"from torchvision.models.efficientnet import {', '.join(sorted(names))}",),
        "expand ratio, kernel, stride, input channels, channels, layers",
        tuple(rows),
        keeps_size=arch.stem.stride == 1,
        without_gate=without_gate,
    )


def _mobilenet_v2(arch: ArchSpec) -> TorchvisionModel:
    theirs = "torchvision's MobileNetV2"
    _need_stem(arch, theirs, channels=32)
    _need_activation(arch, theirs, "relu6")
    if arch.head.channels != 1280:
        raise inexpressible("head.channels", arch.head.channels or 0, theirs, "has 1280 there")
    for block in arch.blocks():
        _need_skip_and_stride(block, theirs)
        stage = f"stages[{block.stage}]"
        if block.kernel != 3:
            raise inexpressible(f"{stage}.kernel", block.kernel, theirs, "has 3 everywhere")
        exact = round(block.in_channels * block.expand_ratio)
        if block.expand_ratio != 1 and exact != expanded_channels(block):
            raise inexpressible(
                f"{stage}.expand_ratio",
                block.expand_ratio,
                theirs,
                f"does not round the {exact} channels inside to a multiple of 8",
            )
    rows = [
        Group(
            "[",
            [
                literal(stage.expand_ratio),
                *(str(value) for value in (stage.channels, stage.layers, stage.stride)),
            ],
            "]",
        )
        for stage in arch.stages
    ]
    arguments = ["num_classes=CLASSES", "inverted_residual_setting=SETTING"]
    if any(stage.channels % 8 for stage in arch.stages):
        arguments.append("round_nearest=1")
    arguments += ["norm_layer=norm_layer", f"dropout={literal(arch.head.dropout)}"]
    return TorchvisionModel(
        "MobileNetV2",
        tuple(arguments),
        ("from torchvision.models.mobilenetv2 import MobileNetV2",),
        "expand ratio, channels, layers, stride",
        tuple(rows),
        keeps_size=arch.stem.stride == 1,
        notes=_left_out(arch, theirs, drop_path=True),
    )


def _mobilenet_v3(arch: ArchSpec) -> TorchvisionModel:
    theirs = "torchvision's MobileNetV3"
    _need_stem(arch, theirs)
    _need_multiples_of_8(arch, theirs)
    for part, activation in (("stem", arch.stem.activation), ("head", arch.head.activation)):
        if (activation or arch.activation) != "hard-swish":
            raise inexpressible(
                f"{part}.activation", activation or arch.activation, theirs, "has hard-swish there"
            )
    last = 6 * arch.stages[-1].channels
    if arch.head.channels != last:
        raise inexpressible(
            "head.channels",
            arch.head.channels or 0,
            theirs,
            f"has 6 times the last stage's, {last}",
        )
    rows = []
    for block in arch.blocks():
        _need_skip_and_stride(block, theirs)
        if block.activation not in ("relu", "hard-swish"):
            raise inexpressible(
                f"stages[{block.stage}].activation",
                block.activation,
                theirs,
                "has relu or hard-swish",
            )
        expanded = expanded_channels(block)
        if block.se is not None:
            squeezed = round_channels(expanded // 4)
            _need_gate(block, theirs, squeezed, "hard-sigmoid", "relu")
        rows.append(
            Group(
                "InvertedResidualConfig(",
                [
                    *(
                        str(value)
                        for value in (
                            block.in_channels,
                            block.kernel,
                            expanded,
                            block.out_channels,
                            block.se is not None,
                        )
                    ),
                    '"RE"' if block.activation == "relu" else '"HS"',
                    str(block.stride),
                    "1",
                    "1",
                ],
                ")",
            )
        )
    return TorchvisionModel(
        "MobileNetV3",
        (
            "SETTING",
            f"last_channel={arch.head.hidden}",
            "num_classes=CLASSES",
            "norm_layer=norm_layer",
            f"dropout={literal(arch.head.dropout)}",
        ),
        ("from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3",),
        "input channels, kernel, expanded, channels, gated, activation, stride, dilation, width",
        tuple(rows),
        keeps_size=arch.stem.stride == 1,
        notes=_left_out(arch, theirs, drop_path=True),
    )


def _resnet(arch: ArchSpec) -> TorchvisionModel:
    theirs = "torchvision's ResNet"
    refuse_other_resnets(arch, theirs)
    _need_activation(arch, theirs, "relu")
    bottleneck = arch.stages[0].block == "bottleneck"
    name, expansion = ("Bottleneck", 4) if bottleneck else ("BasicBlock", 1)
    for index, (stage, planes) in enumerate(zip(arch.stages, _RESNET_PLANES, strict=True)):
        if stage.channels != planes * expansion:
            raise inexpressible(
                f"stages[{index}].channels", stage.channels, theirs, f"has {planes * expansion}"
            )
    layers = literal([stage.layers for stage in arch.stages])
    arguments = [name, layers, "num_classes=CLASSES"]
    firsts = [block for block in arch.blocks() if block.layer == 0]
    if bottleneck:
        width, groups = base_width(firsts, _RESNET_PLANES, theirs), groups_of(firsts[0])
        if (groups, width) != (1, 64):
            arguments += [f"groups={groups}", f"width_per_group={literal(width)}"]
    elif any(stage.expand_ratio != 1 for stage in arch.stages):
        index = next(i for i, stage in enumerate(arch.stages) if stage.expand_ratio != 1)
        raise inexpressible(
            f"stages[{index}].expand_ratio",
            arch.stages[index].expand_ratio,
            f"{theirs} of basic blocks",
            "is as wide inside",
        )
    return TorchvisionModel(
        "ResNet",
        (*arguments, "norm_layer=norm_layer"),
        (f"from torchvision.models.resnet import {name}, ResNet",),
        notes=_left_out(arch, theirs, drop_path=True, dropout=True),
    )


def _need_stem(arch: ArchSpec, theirs: str, channels: int | None = None) -> None:
    """A 3x3 convolution of stride 2, or 1, which is set afterwards; no pooling."""
    stem = arch.stem
    if stem.kernel != 3:
        raise inexpressible("stem.kernel", stem.kernel, theirs, "has 3 there")
    if stem.stride > 2:
        raise inexpressible("stem.stride", stem.stride, theirs, "strides by 2 there")
    if stem.max_pool:
        raise inexpressible("stem.max_pool", True, theirs, "has no pooling in its stem")
    if channels not in (None, stem.channels):
        raise inexpressible("stem.channels", stem.channels, theirs, f"has {channels} there")


def _need_activation(arch: ArchSpec, theirs: str, needed: str) -> None:
    parts = {"stem": arch.stem.activation}
    if arch.head.channels or arch.head.hidden:
        parts["head"] = arch.head.activation
    parts |= {f"stages[{index}]": stage.activation for index, stage in enumerate(arch.stages)}
    for part, own in parts.items():
        if (own or arch.activation) != needed:
            raise inexpressible(
                f"{part}.activation", own or arch.activation, theirs, f"has {needed} everywhere"
            )


def _need_multiples_of_8(arch: ArchSpec, theirs: str) -> None:
    parts: Iterable[tuple[str, int]] = (
        ("stem", arch.stem.channels),
        *((f"stages[{index}]", stage.channels) for index, stage in enumerate(arch.stages)),
    )
    for part, channels in parts:
        if channels % 8:
            raise inexpressible(f"{part}.channels", channels, theirs, "has multiples of 8")


def _need_skip_and_stride(block: BlockSpec, theirs: str) -> None:
    stage = f"stages[{block.stage}]"
    if block.stride > 2:
        raise inexpressible(f"{stage}.stride", block.stride, theirs, "strides by 1 or 2")
    if not block.skip and block.stride == 1 and block.in_channels == block.out_channels:
        raise inexpressible(f"{stage}.skip", False, theirs, "has a skip wherever shapes allow it")


def _need_gate(block: BlockSpec, theirs: str, squeezed: int, gate: str, activation: str) -> None:
    assert block.se is not None
    stage = f"stages[{block.stage}].se"
    if squeezed_channels(block, expanded_channels(block)) != squeezed:
        width = squeezed_channels(block, expanded_channels(block))
        raise ExportError(
            f"{stage} has {width} channels inside, where {theirs} has {squeezed}, so this network "
            "cannot be written for it; --to pytorch or --to onnx can express it"
        )
    if block.se.gate != gate:
        raise inexpressible(f"{stage}.gate", block.se.gate, theirs, f"has {gate}")
    found = block.se.activation or block.activation
    if found != activation:
        raise inexpressible(f"{stage}.activation", found, theirs, f"has {activation}")


def _left_out(
    arch: ArchSpec, theirs: str, *, drop_path: bool = False, dropout: bool = False
) -> tuple[str, ...]:
    """What of the network acts in training only, and has no place."""
    parts = []
    if drop_path and arch.drop_path:
        parts.append(f"stochastic depth ({arch.drop_path:g})")
    if dropout and arch.head.dropout:
        parts.append(f"dropout ({arch.head.dropout:g})")
    if not parts:
        return ()
    return (f"{theirs} has no {' and no '.join(parts)}; it matters in training only",)
