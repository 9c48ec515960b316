"""`mbconv-elastic`: for one's own images and small budgets.

Seven stages after EfficientNet-B0, each with its own block (MBConv, or EfficientNetV2's fused one),
expand ratio, kernel, squeeze-excite, width and number of layers; stem, head and activation are free
too. Widths go from a quarter of B0's to 1.2 of it and hold B0's own, so B0 is in the space at the
resolutions that B0's strides suit.

Strides follow the input: where B0's five halvings would leave less than 4 px, the first of them are
left out. At 32 px the network halves three times and ends with 4 px; from 97 px on the strides are
B0's.
The questions and their choices are the same at every resolution.

Our own space, of no paper: kernels are ProxylessNAS's (1812.00332), the fused block is
EfficientNetV2's (2104.00298).
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from nas.errors import SpaceError
from nas.search_spaces.efficientnet import B0_STAGES, SQUEEZE_EXCITE, efficientnet_b0
from nas.search_spaces.fitted_strides import fitted_strides
from nas.space import rebuild
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.suggest import Suggest

ACTIVATIONS = ("silu", "relu", "hard-swish")
STEM_CHANNELS = (16, 24, 32)
HEAD_CHANNELS = (320, 640, 960, 1280)
BLOCKS = ("mbconv", "fused-mbconv")
EXPAND_RATIOS = (1, 2, 3, 4, 5, 6)
KERNELS = (3, 5, 7)
MOST_LAYERS = 5
# Stage by stage, multiples of 4 at about 0.25 (stage 0: 0.5), 0.5, 0.75, 1 and 1.2 of B0's.
CHANNELS = (
    (8, 12, 16, 20),
    (8, 12, 20, 24, 28),
    (12, 20, 32, 40, 48),
    (20, 40, 60, 80, 96),
    (28, 56, 84, 112, 136),
    (48, 96, 144, 192, 232),
    (80, 160, 240, 320, 384),
)
DEFAULT_RESOLUTION_PX = 224


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
        """Ask for `activation`, `stem.channels`, `head.channels`, and of every stage
        `stageI.block`, `.expand`, `.kernel`, `.layers`, `.channels` and `.se`.
        """
        reference = self._reference
        activation = suggest.suggest_categorical("activation", ACTIVATIONS)
        stem = suggest.suggest_categorical("stem.channels", STEM_CHANNELS)
        head = suggest.suggest_categorical("head.channels", HEAD_CHANNELS)
        stages = []
        for index, skeleton in enumerate(reference.stages):
            path = f"stage{index}"
            block = suggest.suggest_categorical(f"{path}.block", BLOCKS)
            expand = suggest.suggest_categorical(f"{path}.expand", EXPAND_RATIOS)
            kernel = suggest.suggest_categorical(f"{path}.kernel", KERNELS)
            layers = suggest.suggest_int(f"{path}.layers", 1, MOST_LAYERS)
            channels = suggest.suggest_categorical(f"{path}.channels", CHANNELS[index])
            se = suggest.suggest_categorical(f"{path}.se", (False, True))
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

        Input channels, classes and resolution are settings, not choices: any are accepted.
        """
        if len(arch.stages) != len(B0_STAGES):
            return None
        params: dict[str, Any] = {
            "activation": arch.activation,
            "stem.channels": arch.stem.channels,
            "head.channels": arch.head.channels,
        }
        for index, stage in enumerate(arch.stages):
            params |= {
                f"stage{index}.block": stage.block,
                f"stage{index}.expand": int(stage.expand_ratio),
                f"stage{index}.kernel": stage.kernel,
                f"stage{index}.layers": stage.layers,
                f"stage{index}.channels": stage.channels,
                f"stage{index}.se": stage.se is not None,
            }
        try:
            rebuilt = rebuild(self, params)
        except SpaceError:
            return None
        same = dataclasses.replace(
            arch,
            resolution=rebuilt.resolution,
            classes=rebuilt.classes,
            in_channels=rebuilt.in_channels,
        )
        return params if same == rebuilt else None
