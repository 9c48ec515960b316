"""The settings of timm's EfficientNet and MobileNetV3 classes for a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nas.export.errors import inexpressible
from nas.export.library_names import check_names
from nas.export.plain_settings import ACTIVATIONS, GATES
from nas.export.source_text import Group, literal
from nas.export.timm_blocks import block_strings
from nas.spec import ArchSpec

_DEEPEST_STRIDE = 32
"""Beyond this factor from image to last map timm's builder dilates instead, unless told."""

_STEM_STRIDE = 2


@dataclass(frozen=True)
class TimmModel:
    """A class of timm and what it is built with, as source.

    settings: keyword -> source. stages: block strings, None for a ResNet. imports: import lines.
    first_conv, classifier: timm's names of these layers. keeps_size: whether the stem must be
    kept from halving the image. notes: what is not quite the same.
    """

    name: str
    settings: dict[str, str | Group]
    imports: tuple[str, ...]
    first_conv: str
    classifier: str
    stages: list[list[str]] | None = None
    keeps_size: bool = False
    notes: tuple[str, ...] = field(default=())


def timm_efficientnet(arch: ArchSpec) -> TimmModel:
    """The class with timm's inverted bottlenecks that has `arch`'s head.

    Raises: NasError, in one line, naming the part that it cannot express.
    """
    late_head = arch.head.hidden is not None
    name = "MobileNetV3" if late_head else "EfficientNet"
    theirs = f"timm's {name}"
    check_names(arch, "timm")
    activation = _refuse(arch, theirs, late_head=late_head)
    ses = [block.se for block in arch.blocks() if block.se is not None]
    rounds = bool(ses) and all(se.divisor == 8 for se in ses)
    stages = block_strings(arch, activation, theirs, from_expanded=late_head, rounds=rounds)
    drop_path = arch.drop_path
    if late_head:
        stages = _merged(arch, stages, theirs)
        stages.append([f"cn_r1_k1_s1_c{arch.head.channels}"])
        # timm counts the head's convolution among the blocks.
        drop_path *= (arch.depth + 1) / arch.depth
    settings: dict[str, str | Group] = {
        "block_args": "decode_arch_def(ARCH_DEF)",
        "stem_size": str(arch.stem.channels),
        "num_features": str(arch.head.hidden or arch.head.channels or 0),
        "round_chs_fn": "int",
        "act_layer": ACTIVATIONS[activation],
        "norm_layer": "norm_layer",
    }
    se_layer = _se_layer(arch, theirs, rounds=rounds)
    if se_layer is not None:
        settings["se_layer"] = se_layer
    if arch.stem.kernel != 3:
        settings["stem_kernel_size"] = str(arch.stem.kernel)
    reach = _STEM_STRIDE * math.prod(stage.stride for stage in arch.stages)
    if reach > _DEEPEST_STRIDE:
        settings["output_stride"] = str(reach)
    if arch.head.dropout:
        settings["drop_rate"] = literal(arch.head.dropout)
    if drop_path:
        settings["drop_path_rate"] = literal(drop_path)
    module = "mobilenetv3" if late_head else "efficientnet"
    imports = [
        "from timm.models._efficientnet_builder import decode_arch_def",
        f"from timm.models.{module} import {name}",
    ]
    if se_layer is not None:
        imports.insert(0, "from timm.models._efficientnet_blocks import SqueezeExcite")
        if rounds:
            imports[1] += ", round_channels"
    return TimmModel(
        name,
        settings,
        tuple(imports),
        first_conv="conv_stem",
        classifier="classifier",
        stages=stages,
        keeps_size=arch.stem.stride == 1,
    )


def _refuse(arch: ArchSpec, theirs: str, *, late_head: bool) -> str:
    """Refuse what no setting expresses; the activation of stem and head."""
    stem, head = arch.stem, arch.head
    if stem.stride > _STEM_STRIDE:
        raise inexpressible("stem.stride", stem.stride, theirs, "strides by 2 there")
    if stem.max_pool:
        raise inexpressible("stem.max_pool", True, theirs, "has no pooling in its stem")
    if late_head and stem.kernel != 3:
        raise inexpressible("stem.kernel", stem.kernel, theirs, "has a kernel of 3 there")
    reach = _STEM_STRIDE * math.prod(stage.stride for stage in arch.stages)
    if late_head and reach > _DEEPEST_STRIDE:
        raise inexpressible("the product of all strides", reach, theirs, "dilates beyond 32")
    activation = stem.activation or arch.activation
    if activation == "none":
        raise inexpressible("stem.activation", "none", theirs, "always has an activation there")
    of_head = head.activation or arch.activation
    if (head.channels or head.hidden) and of_head != activation:
        raise inexpressible(
            "head.activation", of_head, theirs, f"has that of the stem ('{activation}') there"
        )
    return activation


def _se_layer(arch: ArchSpec, theirs: str, *, rounds: bool) -> Group | None:
    """The squeeze-excite as source; None where timm's own default is right."""
    blocks = [block for block in arch.blocks() if block.se is not None]
    gates = {block.se.gate: block.stage for block in blocks if block.se is not None}
    if len(gates) > 1:
        gate, stage = next(reversed(gates.items()))
        raise inexpressible(
            f"stages[{stage}].se.gate", gate, theirs, "has one gate for all squeeze-excites"
        )
    activations = {
        block.se.activation or block.activation: block.stage
        for block in blocks
        if block.se is not None
    }
    as_block = all(
        block.se.activation in (None, block.activation) for block in blocks if block.se is not None
    )
    if not as_block and len(activations) > 1:
        activation, stage = next(reversed(activations.items()))
        raise inexpressible(
            f"stages[{stage}].se.activation",
            activation,
            theirs,
            "has one activation for all squeeze-excites, or each block's own",
        )
    arguments = []
    if gates and "sigmoid" not in gates:
        arguments.append(f"gate_layer={GATES[next(iter(gates))]}")
    if not as_block:
        arguments.append(f"force_act_layer={ACTIVATIONS[next(iter(activations))]}")
    if rounds:
        arguments.append("rd_round_fn=round_channels")
    return Group("partial(", ["SqueezeExcite", *arguments], ")") if arguments else None


def _merged(arch: ArchSpec, stages: list[list[str]], theirs: str) -> list[list[str]]:
    """Stages of equal width in one, as the names of timm's MobileNetV3 have them."""
    merged: list[list[str]] = []
    width = None
    for index, (stage, strings) in enumerate(zip(arch.stages, stages, strict=True)):
        if stage.channels != width:
            merged.append([])
        elif stage.stride != 1:
            raise inexpressible(
                f"stages[{index}].stride",
                stage.stride,
                theirs,
                "strides only where the channels change",
            )
        merged[-1] += strings
        width = stage.channels
    return merged
