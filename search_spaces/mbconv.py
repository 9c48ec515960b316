"""`mbconv`: EfficientNet-B0's skeleton with free blocks.

Stem, head, widths and strides are B0's; each of the seven stages chooses its expand ratio, kernel,
number of layers and squeeze-excite: 28 choices, about 1.04e11 networks, B0 among them. These are
the networks that Accel-NASBench (Ahmad et al., DAC 2024) trained on ImageNet, which is why real
results exist for this space.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from nas.search_spaces.efficientnet import B0_STAGES, SQUEEZE_EXCITE, efficientnet_b0
from nas.space import parameters_if_held
from nas.spec import ArchSpec, StageSpec
from nas.suggest import Suggest

EXPAND_RATIOS = (1, 4, 6)
KERNELS = (3, 5)
LAYERS = (1, 2, 3)
# Only stage 5, the longest of B0, may have a fourth layer.
LAYERS_OF_STAGE_5 = (1, 2, 3, 4)


def layer_choices(stage: int) -> tuple[int, ...]:
    """How many layers stage 0..6 may have."""
    return LAYERS_OF_STAGE_5 if stage == 5 else LAYERS


@cache
def _stage(stage: int, expand: int, kernel: int, layers: int, se: bool) -> StageSpec:
    _, _, stride, channels, _ = B0_STAGES[stage]
    return StageSpec(
        block="mbconv",
        channels=channels,
        layers=layers,
        stride=stride,
        kernel=kernel,
        expand_ratio=expand,
        se=SQUEEZE_EXCITE if se else None,
    )


class MBConvSpace:
    """The space `mbconv`; see the module's text."""

    name = "mbconv"

    def __init__(self) -> None:
        self._reference = efficientnet_b0()

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `stageI.expand`, `.kernel`, `.layers` and `.se` of every stage."""
        stages = []
        for stage in range(len(B0_STAGES)):
            expand = suggest.suggest_categorical(f"stage{stage}.expand", EXPAND_RATIOS)
            kernel = suggest.suggest_categorical(f"stage{stage}.kernel", KERNELS)
            layers = suggest.suggest_categorical(f"stage{stage}.layers", layer_choices(stage))
            se = suggest.suggest_categorical(f"stage{stage}.se", (False, True))
            stages.append(_stage(stage, expand, kernel, layers, se))
        return dataclasses.replace(self._reference, stages=tuple(stages), name="")

    def reference(self) -> ArchSpec:
        """EfficientNet-B0."""
        return self._reference

    def column_names(self) -> dict[str, str]:
        """Accel-NASBench's short column names: "e0" is `stage0.expand`."""
        short = {"e": "expand", "k": "kernel", "l": "layers", "se": "se"}
        stages = range(len(B0_STAGES))
        return {f"{s}{i}": f"stage{i}.{name}" for s, name in short.items() for i in stages}

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The 28 choices that make `arch`, or None where this space does not hold it.

        Input channels, classes and resolution are settings, not choices: any are accepted.
        """
        if len(arch.stages) != len(B0_STAGES):
            return None
        params: dict[str, Any] = {}
        for index, stage in enumerate(arch.stages):
            params[f"stage{index}.expand"] = int(stage.expand_ratio)
            params[f"stage{index}.kernel"] = stage.kernel
            params[f"stage{index}.layers"] = stage.layers
            params[f"stage{index}.se"] = stage.se is not None
        return parameters_if_held(self, params, arch)
