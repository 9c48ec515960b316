"""`mobilenet`: MobileNetV2's skeleton; every stage is V1's block or V2's, and chooses its size.

An example of how little a space needs: a table of choices and one loop. MobileNetV2 lies in it;
V1's strides are others, so V1 does not. 96 ** 7 networks, about 7.5e13.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from nas.search_spaces.mobilenet_v2 import STAGES, mobilenet_v2
from nas.space import parameters_if_held
from nas.spec import ArchSpec, StageSpec
from nas.suggest import Suggest

BLOCKS = ("separable", "mbconv")
EXPAND_RATIOS = (1, 3, 6)
KERNELS = (3, 5)
LAYERS = (1, 2, 3, 4)
# MobileNetV2's width in the middle; about 0.75 and 1.25 times that, in multiples of 8.
CHANNELS = (
    (8, 16, 24),
    (16, 24, 32),
    (24, 32, 40),
    (48, 64, 80),
    (72, 96, 120),
    (120, 160, 200),
    (240, 320, 400),
)


class MobileNetSpace:
    """The space `mobilenet`; see the module's text."""

    name = "mobilenet"

    def __init__(self) -> None:
        self._reference = mobilenet_v2()

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `stageI.block`, of mbconv `.expand`, and `.kernel`, `.channels`, `.layers`."""
        stages = []
        for index, (_, stride, _, _) in enumerate(STAGES):
            stage = f"stage{index}"
            block = suggest.suggest_categorical(f"{stage}.block", BLOCKS)
            inverted = block == "mbconv"
            stages.append(
                StageSpec(
                    block,
                    suggest.suggest_categorical(f"{stage}.channels", CHANNELS[index]),
                    suggest.suggest_categorical(f"{stage}.layers", LAYERS),
                    stride=stride,
                    kernel=suggest.suggest_categorical(f"{stage}.kernel", KERNELS),
                    expand_ratio=(
                        suggest.suggest_categorical(f"{stage}.expand", EXPAND_RATIOS)
                        if inverted
                        else 1
                    ),
                    skip=inverted,  # MobileNetV1 has no skips
                )
            )
        return dataclasses.replace(self._reference, stages=tuple(stages), name="")

    def reference(self) -> ArchSpec:
        """MobileNetV2."""
        return self._reference

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The answers that make `arch`, or None where this space does not hold it."""
        params: dict[str, Any] = {}
        for index, stage in enumerate(arch.stages):
            params[f"stage{index}.block"] = stage.block
            params[f"stage{index}.channels"] = stage.channels
            params[f"stage{index}.layers"] = stage.layers
            params[f"stage{index}.kernel"] = stage.kernel
            if stage.block == "mbconv":
                params[f"stage{index}.expand"] = int(stage.expand_ratio)
        return parameters_if_held(self, params, arch)
