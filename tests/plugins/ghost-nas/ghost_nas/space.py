"""Space `ghost`: GhostNet's skeleton with free blocks.

Widths and strides follow GhostNet's table 1; each of the six stages chooses its expand ratio,
kernel, number of layers, ghost ratio and squeeze-excite.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from nas.errors import SpaceError
from nas.space import rebuild
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec
from nas.suggest import Suggest

# (channels, stride) of the stages: GhostNet (1911.11907), table 1.
SKELETON = ((16, 1), (24, 2), (40, 2), (80, 2), (112, 1), (160, 2))

EXPAND_RATIOS = (1, 2, 3, 6)
KERNELS = (3, 5)
RATIOS = (2, 3, 4)
MOST_LAYERS = 5
SQUEEZE_EXCITE = SqueezeExcite(ratio=0.25, of="expanded", divisor=4, gate="hard-sigmoid")

# The choices nearest to GhostNet 1.0: expand, kernel, layers, squeeze-excite. Its last stages mix
# blocks with and without squeeze-excite; a stage here has one kind.
NEAREST_TO_GHOSTNET = (
    (1, 3, 1, False),
    (3, 3, 2, False),
    (3, 5, 2, True),
    (2, 3, 4, False),
    (6, 3, 2, True),
    (6, 5, 5, True),
)


class GhostSpace:
    """The space `ghost`; see the module's text."""

    name = "ghost"

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `stageI.expand`, `.kernel`, `.layers`, `.ratio` and `.se` of every stage."""
        stages = []
        for index, (channels, stride) in enumerate(SKELETON):
            expand = suggest.suggest_categorical(f"stage{index}.expand", EXPAND_RATIOS)
            kernel = suggest.suggest_categorical(f"stage{index}.kernel", KERNELS)
            layers = suggest.suggest_int(f"stage{index}.layers", 1, MOST_LAYERS)
            ratio = suggest.suggest_categorical(f"stage{index}.ratio", RATIOS)
            se = suggest.suggest_categorical(f"stage{index}.se", (False, True))
            stages.append(
                StageSpec(
                    block="ghost",
                    channels=channels,
                    layers=layers,
                    stride=stride,
                    kernel=kernel,
                    expand_ratio=expand,
                    se=SQUEEZE_EXCITE if se else None,
                    options=(("ratio", ratio),),
                )
            )
        head = HeadSpec(960, dropout=0.2)
        return ArchSpec(StemSpec(16), tuple(stages), head, activation="relu")

    def reference(self) -> ArchSpec:
        """The network of this space that is nearest to GhostNet 1.0."""
        params: dict[str, Any] = {}
        for index, (expand, kernel, layers, se) in enumerate(NEAREST_TO_GHOSTNET):
            params |= {
                f"stage{index}.expand": expand,
                f"stage{index}.kernel": kernel,
                f"stage{index}.layers": layers,
                f"stage{index}.ratio": 2,
                f"stage{index}.se": se,
            }
        return dataclasses.replace(rebuild(self, params), name="ghostnet-like")

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The choices that make `arch`, or None where this space does not hold it."""
        params: dict[str, Any] = {}
        for index, stage in enumerate(arch.stages):
            params |= {
                f"stage{index}.expand": int(stage.expand_ratio),
                f"stage{index}.kernel": stage.kernel,
                f"stage{index}.layers": stage.layers,
                f"stage{index}.ratio": stage.option("ratio", 2),
                f"stage{index}.se": stage.se is not None,
            }
        try:
            return params if rebuild(self, params) == arch else None
        except SpaceError:
            return None
