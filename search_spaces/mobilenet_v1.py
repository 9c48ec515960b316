"""MobileNetV1: depthwise-separable convolutions without skips.

Source: Howard et al. (arXiv 1704.04861), Table 1; ReLU6 as in the authors' released code.
"""

from __future__ import annotations

from nas.spec import ArchSpec, HeadSpec, NormSpec, StageSpec, StemSpec

# stride, channels, layers
STAGES = ((1, 64, 1), (2, 128, 2), (2, 256, 2), (2, 512, 6), (2, 1024, 2))


def mobilenet_v1() -> ArchSpec:
    """MobileNetV1 at width 1.0. The classifier reads the last stage: there is no head convolution.

    The paper prints stride 2 for the last depthwise convolution too, with a 7 px output; as in the
    released code it is 1 here.
    """
    stages = tuple(
        StageSpec("separable", channels, layers, stride=stride, skip=False)
        for stride, channels, layers in STAGES
    )
    return ArchSpec(
        StemSpec(32),
        stages,
        HeadSpec(),
        activation="relu6",
        norm=NormSpec(eps=1e-5, momentum=0.1),  # timm's
        name="mobilenet-v1",
    )
