"""EfficientNet-B0, the reference network of the MBConv spaces.

Source: EfficientNet (arXiv 1905.11946v5), Table 1; strides and expand ratios from the authors'
released builder. The table counts stages from 1 with the stem; here stage 0 is its first MBConv.
"""

from __future__ import annotations

from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280

# expand ratio, kernel, stride, channels, layers
B0_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)

SQUEEZE_EXCITE = SqueezeExcite(ratio=0.25, of="input")


def efficientnet_b0() -> ArchSpec:
    """EfficientNet-B0: 5,288,548 parameters, 385,814,752 FLOPs at 224 px."""
    stages = tuple(
        StageSpec(
            block="mbconv",
            channels=channels,
            layers=layers,
            stride=stride,
            kernel=kernel,
            expand_ratio=expand,
            se=SQUEEZE_EXCITE,
        )
        for expand, kernel, stride, channels, layers in B0_STAGES
    )
    # Dropout 0.2 and a survival probability of 0.8 are the released code's.
    return ArchSpec(
        stem=StemSpec(STEM_CHANNELS),
        stages=stages,
        head=HeadSpec(HEAD_CHANNELS, dropout=0.2),
        drop_path=0.2,
        name="efficientnet-b0",
    )
