"""`resnet`: ResNet's four stages with free blocks, widths and depths.

An example of how little a space needs: a table of choices and one loop. ResNet-18, 34, 50, 101 and
152 and ResNeXt-50 lie in it. 1,376,256 networks.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from nas.search_spaces.resnet import STRIDES, resnet
from nas.space import parameters_if_held
from nas.spec import ArchSpec, Scalar, StageSpec
from nas.suggest import Suggest

BLOCKS = ("basic", "bottleneck")
BASE_CHANNELS = (64, 128, 256, 512)
WIDTHS = (0.5, 0.75, 1.0, 1.25)
"""Times the base channels; the output of a bottleneck is 4 times as wide."""
BOTTLENECK_FACTOR = 4
LAYERS = ((1, 2, 3, 4), (1, 2, 3, 4, 6, 8), (1, 2, 4, 6, 9, 14, 23, 36), (1, 2, 3, 4))
INNER_RATIOS = (0.25, 0.5)
"""Width inside over output of a bottleneck: ResNet; ResNeXt-50 and the wide ResNets."""
GROUPS = (1, 8, 32)


class ResNetSpace:
    """The space `resnet`; see the module's text."""

    name = "resnet"

    def __init__(self) -> None:
        self._reference = resnet(50)

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `block`, of bottlenecks `inner` and `groups`, and `stageI.width`, `.layers`."""
        block = suggest.suggest_categorical("block", BLOCKS)
        factor, inner = 1, 1.0
        options: tuple[tuple[str, Scalar], ...] = ()
        if block == "bottleneck":
            factor = BOTTLENECK_FACTOR
            inner = suggest.suggest_categorical("bottleneck.inner", INNER_RATIOS)
            groups = suggest.suggest_categorical("bottleneck.groups", GROUPS)
            # ResNet's own stages have no such option.
            options = (("groups", groups),) if groups > 1 else ()
        stages = []
        for index, (base, stride) in enumerate(zip(BASE_CHANNELS, STRIDES, strict=True)):
            width = suggest.suggest_categorical(f"stage{index}.width", WIDTHS)
            layers = suggest.suggest_categorical(f"stage{index}.layers", LAYERS[index])
            channels = int(base * width) * factor
            stages.append(
                StageSpec(
                    block, channels, layers, stride=stride, expand_ratio=inner, options=options
                )
            )
        return dataclasses.replace(self._reference, stages=tuple(stages), name="")

    def reference(self) -> ArchSpec:
        """ResNet-50."""
        return self._reference

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The answers that make `arch`, or None where this space does not hold it."""
        first = arch.stages[0]
        params: dict[str, Any] = {"block": first.block}
        factor = 1
        if first.block == "bottleneck":
            factor = BOTTLENECK_FACTOR
            params["bottleneck.inner"] = first.expand_ratio
            params["bottleneck.groups"] = first.option("groups", 1)
        # Another number of stages is found out by rebuilding.
        for index, (stage, base) in enumerate(zip(arch.stages, BASE_CHANNELS, strict=False)):
            params[f"stage{index}.width"] = stage.channels / (base * factor)
            params[f"stage{index}.layers"] = stage.layers
        return parameters_if_held(self, params, arch)
