"""The settings of timm's ResNet class for a network."""

from __future__ import annotations

from nas.blocks.resnet import groups_of, inner_channels
from nas.export.errors import inexpressible
from nas.export.library_names import check_names
from nas.export.plain_settings import ACTIVATIONS
from nas.export.resnet_rules import base_width, refuse_other_resnets
from nas.export.source_text import Group, literal
from nas.export.timm_efficientnet import TimmModel
from nas.spec import ArchSpec

_THEIRS = "timm's ResNet"


def timm_resnet(arch: ArchSpec) -> TimmModel:
    """ResNet and ResNeXt with widths of its own in each stage.

    Raises: NasError, in one line, naming the part that it cannot express.
    """
    check_names(arch, "timm")
    refuse_other_resnets(arch, _THEIRS)
    activation = arch.stem.activation or arch.activation
    if activation == "none":
        raise inexpressible("stem.activation", "none", _THEIRS, "always has an activation there")
    bottleneck = arch.stages[0].block == "bottleneck"
    name, expansion = ("Bottleneck", 4) if bottleneck else ("BasicBlock", 1)
    for index, stage in enumerate(arch.stages):
        if stage.channels % expansion:
            raise inexpressible(
                f"stages[{index}].channels", stage.channels, _THEIRS, "has multiples of 4"
            )
    planes = [stage.channels // expansion for stage in arch.stages]
    settings: dict[str, str | Group] = {
        "block": name,
        "layers": literal(tuple(stage.layers for stage in arch.stages)),
        "channels": literal(tuple(planes)),
        "act_layer": ACTIVATIONS[activation],
        "norm_layer": "norm_layer",
    }
    firsts = [block for block in arch.blocks() if block.layer == 0]
    if bottleneck:
        groups = groups_of(firsts[0])
        width = base_width(firsts, planes, _THEIRS)
        if (groups, width) != (1, 64):
            settings |= {"cardinality": str(groups), "base_width": literal(width)}
    else:
        for block in firsts:
            if inner_channels(block) != block.out_channels:
                raise inexpressible(
                    f"stages[{block.stage}].expand_ratio",
                    block.expand_ratio,
                    f"{_THEIRS} of basic blocks",
                    "is as wide inside",
                )
    if arch.head.dropout:
        settings["drop_rate"] = literal(arch.head.dropout)
    if arch.drop_path and arch.depth > 1:
        # timm reaches its rate in the last block, the spec's rule would in the one behind it.
        settings["drop_path_rate"] = literal(arch.drop_path * (arch.depth - 1) / arch.depth)
    return TimmModel(
        "ResNet",
        settings,
        (f"from timm.models.resnet import {name}, ResNet",),
        first_conv="conv1",
        classifier="fc",
    )
