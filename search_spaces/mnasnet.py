"""`mnasnet`: the factorised hierarchical space of MnasNet, which EfficientNet-B0 was searched in.

Source: MnasNet (arXiv 1807.11626), section 4.1; EfficientNet (1905.11946), section 4, searches the
same space. Each of MobileNetV2's seven stages chooses its convolution, kernel, squeeze-excite, skip
operation, width and number of layers; all layers of a stage are alike. One question of ours, the
activation, chooses between the two papers' networks. About 4.4e18 answers.

What the papers leave open, and what we chose:

- The skip operations. The printed size of one stage's choices, 432, is 4 convolutions x 2 kernels x
  2 squeeze-excites x 3 widths x 3 depths x 3 skip operations, so there are three: pooling, identity
  and none. What pooling does is not said; see `nas.blocks.skip`. Where a skip operation changes
  nothing, as in a stage of one block that changes the channels, its answers make one network.
- Depth "-1" of the two stages that have one layer: they choose 1 or 2 layers.
- Widths are rounded to multiples of 4. With 8, the widths 0.75 and 1 of two stages would be one.
- Two widths are added, because the printed ones hold neither published network: 112 in stage 4
  (MnasNet-A1 and B0; 96 x 0.75, 1 and 1.25 are 72, 96 and 120) and 192 in stage 5 (B0; 160 gives
  120, 160 and 200).
- `dconv` is depthwise and pointwise with a linear end, which is MBConv at expand ratio 1: the
  "SepConv" of MnasNet's figure 7 and the "MBConv1" of EfficientNet's table 1.
- Squeeze-excite narrows to a quarter of the block's input channels, as in the authors' code, and
  stands behind the activation of a regular convolution.
- Strides, stem (32) and head (1280) are MobileNetV2's and fixed, as in both published networks.
- Activation `relu` brings the batch-norm constants of our MnasNet-A1; `silu` those of B0, and its
  stochastic depth.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from nas.blocks.skip import POOL
from nas.channels import round_channels
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mnasnet_a1 import SQUEEZE_EXCITE, mnasnet_a1
from nas.search_spaces.mobilenet_v2 import STAGES as MOBILENET_V2_STAGES
from nas.space import parameters_if_held
from nas.spec import ArchSpec, StageSpec
from nas.suggest import Suggest

# Name of the convolution -> block kind and expand ratio.
OPERATORS = {
    "conv": ("conv", 1),
    "dconv": ("mbconv", 1),
    "mbconv3": ("mbconv", 3),
    "mbconv6": ("mbconv", 6),
}
KERNELS = (3, 5)
SKIPS = ("identity", "pool", "none")
WIDTHS = (0.75, 1.0, 1.25)
DIVISOR = 4
ADDED_CHANNELS = {4: 112, 5: 192}
"""Stage -> the width of the published networks that the printed choices do not hold."""
ACTIVATIONS = ("relu", "silu")


def channel_choices(stage: int) -> tuple[int, ...]:
    """The widths of stage 0..6, narrowest first."""
    base = MOBILENET_V2_STAGES[stage][2]
    widths = {round_channels(base * width, DIVISOR) for width in WIDTHS}
    if stage in ADDED_CHANNELS:
        widths.add(ADDED_CHANNELS[stage])
    return tuple(sorted(widths))


def layer_choices(stage: int) -> tuple[int, ...]:
    """How many layers stage 0..6 may have: one fewer or more than MobileNetV2, at least one."""
    base = MOBILENET_V2_STAGES[stage][3]
    return tuple(layers for layers in (base - 1, base, base + 1) if layers > 0)


_CHANNELS = tuple(map(channel_choices, range(len(MOBILENET_V2_STAGES))))
_LAYERS = tuple(map(layer_choices, range(len(MOBILENET_V2_STAGES))))


@cache
def _stage(
    stage: int,
    in_channels: int,
    operator: str,
    kernel: int,
    se: bool,
    skip: str,
    channels: int,
    layers: int,
) -> StageSpec:
    block, expand = OPERATORS[operator]
    stride = MOBILENET_V2_STAGES[stage][1]
    # Answers that make the same network make the same spec, so that it is judged only once.
    pools = skip == "pool" and channels >= in_channels and (stride, channels) != (1, in_channels)
    idle = layers == 1 and (stride, channels) != (1, in_channels)
    return StageSpec(
        block=block,
        channels=channels,
        layers=layers,
        stride=stride,
        kernel=kernel,
        expand_ratio=expand,
        se=SQUEEZE_EXCITE if se else None,
        skip=skip != "none" or idle,
        options=(("skip", POOL),) if pools else (),
    )


class MnasNetSpace:
    """The space `mnasnet`; see the module's text."""

    name = "mnasnet"

    def __init__(self) -> None:
        self._skeletons = {"relu": mnasnet_a1(), "silu": efficientnet_b0()}

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for the activation, then `stageI.op`, `.kernel`, `.se`, `.skip`, `.channels` and
        `.layers` of every stage.
        """
        skeleton = self._skeletons[suggest.suggest_categorical("activation", ACTIVATIONS)]
        stages: list[StageSpec] = []
        channels = skeleton.stem.channels
        for stage in range(len(MOBILENET_V2_STAGES)):
            path = f"stage{stage}"
            made = _stage(
                stage,
                channels,
                suggest.suggest_categorical(f"{path}.op", tuple(OPERATORS)),
                suggest.suggest_categorical(f"{path}.kernel", KERNELS),
                suggest.suggest_categorical(f"{path}.se", (False, True)),
                suggest.suggest_categorical(f"{path}.skip", SKIPS),
                suggest.suggest_categorical(f"{path}.channels", _CHANNELS[stage]),
                suggest.suggest_categorical(f"{path}.layers", _LAYERS[stage]),
            )
            stages.append(made)
            channels = made.channels
        return dataclasses.replace(skeleton, stages=tuple(stages), name="")

    def reference(self) -> ArchSpec:
        """MnasNet-A1."""
        return self._skeletons["relu"]

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The answers that make `arch`, or None where this space does not hold it.

        Where several skip operations make the same network, one of them. Input channels, classes
        and resolution are settings, not choices: any are accepted.
        """
        if len(arch.stages) != len(MOBILENET_V2_STAGES):
            return None
        operators = {setting: name for name, setting in OPERATORS.items()}
        params: dict[str, Any] = {"activation": arch.activation}
        for index, stage in enumerate(arch.stages):
            pooled = stage.option("skip", "") == POOL
            params |= {
                f"stage{index}.op": operators.get((stage.block, int(stage.expand_ratio))),
                f"stage{index}.kernel": stage.kernel,
                f"stage{index}.se": stage.se is not None,
                f"stage{index}.skip": "pool" if pooled else "identity" if stage.skip else "none",
                f"stage{index}.channels": stage.channels,
                f"stage{index}.layers": stage.layers,
            }
        return parameters_if_held(self, params, arch)
