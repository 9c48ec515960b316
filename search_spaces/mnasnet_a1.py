"""MnasNet-A1, the network that EfficientNet's space grew from.

Source: Tan et al. (arXiv 1807.11626), Figure 7. As in the authors' code, squeeze-excite narrows to
a quarter of the block's input channels.
"""

from __future__ import annotations

from nas.spec import ArchSpec, HeadSpec, NormSpec, SqueezeExcite, StageSpec, StemSpec

SQUEEZE_EXCITE = SqueezeExcite(ratio=0.25, of="input")

# expand ratio, kernel, squeeze-excite, stride, channels, layers
STAGES = (
    (1, 3, False, 1, 16, 1),
    (6, 3, False, 2, 24, 2),
    (3, 5, True, 2, 40, 3),
    (6, 3, False, 2, 80, 4),
    (6, 3, True, 1, 112, 2),
    (6, 5, True, 2, 160, 3),
    (6, 3, False, 1, 320, 1),
)


def mnasnet_a1() -> ArchSpec:
    """MnasNet-A1, called `semnasnet_100` in timm."""
    stages = tuple(
        StageSpec(
            "mbconv",
            channels,
            layers,
            stride=stride,
            kernel=kernel,
            expand_ratio=expand,
            se=SQUEEZE_EXCITE if se else None,
        )
        for expand, kernel, se, stride, channels, layers in STAGES
    )
    return ArchSpec(
        StemSpec(32),
        stages,
        HeadSpec(1280, dropout=0.2),
        activation="relu",
        norm=NormSpec(eps=1e-5, momentum=0.1),  # timm's
        name="mnasnet-a1",
    )
