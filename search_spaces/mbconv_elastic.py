"""`mbconv-elastic`: for one's own images and small budgets.

Seven stages after EfficientNet-B0. Each chooses its expand ratio, kernel, squeeze-excite, width and
number of layers, and the first three their block: MBConv, or EfficientNetV2's fused one. Stem, head
and activation are free too. B0, with strides that suit the input, is in the space.

A stage's width is B0's, times the network's `width`, times the stage's own. With the seven stage
widths alone nearly all networks would cost about the same; so a fair share of the answers fits any
budget, also one far below B0.

Strides follow the input: where B0's five halvings would leave less than 4 px, the first of them are
left out. At 32 px the network halves three times and ends with 4 px; from 97 px on the strides are
B0's. The questions and their choices are the same at every resolution.

Our own space, of no paper. Kernels are ProxylessNAS's (1812.00332). EfficientNetV2-S (2104.00298)
too has fused blocks in its first three stages only; further on they cost many times an MBConv.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from nas.channels import round_channels
from nas.search_spaces.efficientnet import B0_STAGES, SQUEEZE_EXCITE, efficientnet_b0
from nas.search_spaces.fitted_strides import fitted_strides
from nas.space import parameters_if_held
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.suggest import Suggest

ACTIVATIONS = ("silu", "relu", "hard-swish")
STEM_CHANNELS = (16, 24, 32)
HEAD_CHANNELS = (320, 640, 960, 1280)
BLOCKS = ("mbconv", "fused-mbconv")
STAGES_WITH_A_CHOICE_OF_BLOCK = 3
EXPAND_RATIOS = (1, 2, 3, 4, 5, 6)
KERNELS = (3, 5, 7)
MOST_LAYERS = 4
# About equal steps in cost, which goes with the square of the width.
WIDTHS = (0.25, 0.35, 0.5, 0.7, 1.0)
STAGE_WIDTHS = (0.75, 1.0, 1.25)
DIVISOR = 4
LEAST_CHANNELS = 8
DEFAULT_RESOLUTION_PX = 224


def stage_channels(stage: int, width: float, stage_width: float) -> int:
    """Channels of stage 0..6: a multiple of 4, at least 8."""
    base = B0_STAGES[stage][3]
    return max(LEAST_CHANNELS, round_channels(base * width * stage_width, DIVISOR))


@cache
def _stage(
    channels: int, stride: int, block: str, expand: int, kernel: int, layers: int, se: bool
) -> StageSpec:
    return StageSpec(
        block=block,
        channels=channels,
        layers=layers,
        stride=stride,
        kernel=kernel,
        expand_ratio=expand,
        se=SQUEEZE_EXCITE if se else None,
    )


def fitted_b0(resolution: int) -> ArchSpec:
    """EfficientNet-B0 for images of `resolution` pixels, with fewer strides where they are small.

    Its name says so where the strides are not B0's.
    """
    b0 = efficientnet_b0()
    strides = (b0.stem.stride, *(stage.stride for stage in b0.stages))
    fitted = fitted_strides(strides, resolution)
    stages = tuple(
        dataclasses.replace(stage, stride=stride)
        for stage, stride in zip(b0.stages, fitted[1:], strict=True)
    )
    return dataclasses.replace(
        b0,
        stem=StemSpec(b0.stem.channels, stride=fitted[0]),
        stages=stages,
        resolution=resolution,
        name=b0.name if fitted == strides else f"{b0.name}-for-{resolution}px",
    )


class MBConvElasticSpace:
    """The space `mbconv-elastic` for images of `resolution` pixels; see the module's text."""

    name = "mbconv-elastic"

    def __init__(self, resolution: int = DEFAULT_RESOLUTION_PX) -> None:
        self._reference = fitted_b0(resolution)

    def at_resolution(self, resolution: int) -> MBConvElasticSpace:
        """The same questions for images of another size."""
        return MBConvElasticSpace(resolution)

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `activation`, `width`, `stem.channels` and `head.channels`, and of every stage
        `stageI.expand`, `.kernel`, `.layers`, `.width` and `.se`; of stages 0..2 `.block` too.
        """
        reference = self._reference
        activation = suggest.suggest_categorical("activation", ACTIVATIONS)
        width = suggest.suggest_categorical("width", WIDTHS)
        stem = suggest.suggest_categorical("stem.channels", STEM_CHANNELS)
        head = suggest.suggest_categorical("head.channels", HEAD_CHANNELS)
        stages = []
        for index, skeleton in enumerate(reference.stages):
            path = f"stage{index}"
            block = "mbconv"
            if index < STAGES_WITH_A_CHOICE_OF_BLOCK:
                block = suggest.suggest_categorical(f"{path}.block", BLOCKS)
            expand = suggest.suggest_categorical(f"{path}.expand", EXPAND_RATIOS)
            kernel = suggest.suggest_categorical(f"{path}.kernel", KERNELS)
            layers = suggest.suggest_int(f"{path}.layers", 1, MOST_LAYERS)
            stage_width = suggest.suggest_categorical(f"{path}.width", STAGE_WIDTHS)
            se = suggest.suggest_categorical(f"{path}.se", (False, True))
            channels = stage_channels(index, width, stage_width)
            stages.append(_stage(channels, skeleton.stride, block, expand, kernel, layers, se))
        return dataclasses.replace(
            reference,
            stem=StemSpec(stem, stride=reference.stem.stride),
            stages=tuple(stages),
            head=HeadSpec(head, dropout=reference.head.dropout),
            activation=activation,
            name="",
        )

    def reference(self) -> ArchSpec:
        """EfficientNet-B0 with strides that suit the resolution."""
        return self._reference

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The answers that make `arch`, or None where the space at this resolution lacks it.

        Where several widths make the same channels, those with the smallest `width`. Input
        channels, classes and resolution are settings, not choices: any are accepted.
        """
        if len(arch.stages) != len(B0_STAGES):
            return None
        candidates = (self._parameters(arch, width) for width in WIDTHS)
        return next((params for params in candidates if params is not None), None)

    def _parameters(self, arch: ArchSpec, width: float) -> dict[str, Any] | None:
        params: dict[str, Any] = {
            "activation": arch.activation,
            "width": width,
            "stem.channels": arch.stem.channels,
            "head.channels": arch.head.channels,
        }
        for index, stage in enumerate(arch.stages):
            widths = {stage_channels(index, width, own): own for own in STAGE_WIDTHS}
            params |= {
                f"stage{index}.expand": int(stage.expand_ratio),
                f"stage{index}.kernel": stage.kernel,
                f"stage{index}.layers": stage.layers,
                f"stage{index}.width": widths.get(stage.channels),
                f"stage{index}.se": stage.se is not None,
            }
            if index < STAGES_WITH_A_CHOICE_OF_BLOCK:
                params[f"stage{index}.block"] = stage.block
        return parameters_if_held(self, params, arch)
