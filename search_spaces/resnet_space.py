"""`resnet`: ResNet's four stages with free blocks, widths and depths.

An example of how little a space needs: 9 to 11 questions, 5 of them asked once for the network.
ResNet-18, 34, 50, 101 and 152 and the ResNeXt references lie in it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from nas.errors import SpaceError
from nas.search_spaces.resnet import STRIDES, resnet
from nas.space import rebuild
from nas.spec import ArchSpec, StageSpec
from nas.suggest import Suggest

BLOCKS = ("basic", "bottleneck")
# Of ResNet's 64 to 512 channels; a bottleneck's output is 4 times as wide.
WIDTHS = (0.5, 0.75, 1.0, 1.25)
BASE_CHANNELS = (64, 128, 256, 512)
BOTTLENECK_FACTOR = 4
LAYERS = ((1, 2, 3, 4), (1, 2, 3, 4, 6, 8), (1, 2, 4, 6, 9, 14, 23, 36), (1, 2, 3, 4))
# Inside over output of a bottleneck: ResNet, ResNeXt-50 and wide ResNets, ResNeXt-101 64x4d.
INNER_RATIOS = (0.25, 0.5, 1.0)
GROUPS = (1, 8, 32, 64)


class ResNetSpace:
    """The space `resnet`; see the module's text."""

    name = "resnet"

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `block`, `stageI.width` and `stageI.layers`; of bottlenecks `inner`, `groups`."""
        block = suggest.suggest_categorical("block", BLOCKS)
        expand, factor, options = 1.0, 1, ()
        if block == "bottleneck":
            factor = BOTTLENECK_FACTOR
            expand = suggest.suggest_categorical("bottleneck.inner", INNER_RATIOS)
            groups = suggest.suggest_categorical("bottleneck.groups", GROUPS)
            options = (("groups", groups),) if groups > 1 else ()
        stages = []
        for index, (base, stride) in enumerate(zip(BASE_CHANNELS, STRIDES, strict=True)):
            width = suggest.suggest_categorical(f"stage{index}.width", WIDTHS)
            layers = suggest.suggest_categorical(f"stage{index}.layers", LAYERS[index])
            channels = int(base * width) * factor
            stages.append(
                StageSpec(
                    block, channels, layers, stride=stride, expand_ratio=expand, options=options
                )
            )
        return dataclasses.replace(self.reference(), stages=tuple(stages), name="")

    def reference(self) -> ArchSpec:
        """ResNet-50."""
        return resnet(50)

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The answers that make `arch`, or None where this space does not hold it.

        Input channels, classes and resolution are settings, not choices: any are accepted.
        """
        if len(arch.stages) != len(BASE_CHANNELS):
            return None
        first = arch.stages[0]
        params: dict[str, Any] = {"block": first.block}
        if first.block == "bottleneck":
            params["bottleneck.inner"] = first.expand_ratio
            params["bottleneck.groups"] = first.option("groups", 1)
        factor = BOTTLENECK_FACTOR if first.block == "bottleneck" else 1
        for index, (stage, base) in enumerate(zip(arch.stages, BASE_CHANNELS, strict=True)):
            params[f"stage{index}.width"] = stage.channels / (base * factor)
            params[f"stage{index}.layers"] = stage.layers
        return params if holds(self, params, arch) else None


def holds(space: ResNetSpace, params: dict[str, Any], arch: ArchSpec) -> bool:
    pass
