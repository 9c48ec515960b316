"""MobileNetV2: inverted bottlenecks with a linear projection.

Source: Sandler et al. (arXiv 1801.04381), Table 2.
"""

from __future__ import annotations

from nas.spec import ArchSpec, HeadSpec, NormSpec, StageSpec, StemSpec

STEM = StemSpec(32)
HEAD = HeadSpec(1280, dropout=0.2)  # the dropout is torchvision's
NORM = NormSpec(eps=1e-5, momentum=0.1)  # torchvision's and timm's
ACTIVATION = "relu6"

# expand ratio, stride, channels, layers
STAGES = (
    (1, 1, 16, 1),
    (6, 2, 24, 2),
    (6, 2, 32, 3),
    (6, 2, 64, 4),
    (6, 1, 96, 3),
    (6, 2, 160, 3),
    (6, 1, 320, 1),
)


def mobilenet_v2() -> ArchSpec:
    """MobileNetV2 at width 1.0."""
    stages = tuple(
        StageSpec("mbconv", channels, layers, stride=stride, expand_ratio=expand)
        for expand, stride, channels, layers in STAGES
    )
    return ArchSpec(STEM, stages, HEAD, activation=ACTIVATION, norm=NORM, name="mobilenet-v2")
