"""ResNet-18 to 152 and two ResNeXt networks.

Source: He et al. (arXiv 1512.03385), Table 1, with the bottleneck's stride in its 3x3 convolution
("v1.5") as in torchvision, whose numbers the tests compare; Xie et al. (arXiv 1611.05431).
"""

from __future__ import annotations

from nas.spec import ArchSpec, HeadSpec, NormSpec, StageSpec, StemSpec

BASIC_CHANNELS = (64, 128, 256, 512)
BOTTLENECK_CHANNELS = (256, 512, 1024, 2048)
STRIDES = (1, 2, 2, 2)
STEM = StemSpec(64, kernel=7, max_pool=True)
# torchvision's and timm's; the paper names no other.
NORM = NormSpec(eps=1e-5, momentum=0.1)

# block kind, layers of the four stages
DEPTHS = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


def resnet(depth: int) -> ArchSpec:
    """ResNet-18, 34, 50, 101 or 152."""
    block, layers = DEPTHS[depth]
    return _network(f"resnet-{depth}", block, layers, expand_ratio=1 if block == "basic" else 0.25)


def resnext_50() -> ArchSpec:
    """ResNeXt-50 (32x4d): 32 groups of 4 channels in the first stage."""
    return _network("resnext-50-32x4d", "bottleneck", DEPTHS[50][1], expand_ratio=0.5, groups=32)


def resnext_101() -> ArchSpec:
    """ResNeXt-101 (64x4d), the one in EfficientNet's Table 2."""
    return _network("resnext-101-64x4d", "bottleneck", DEPTHS[101][1], expand_ratio=1, groups=64)


def _network(
    name: str, block: str, layers: tuple[int, ...], *, expand_ratio: float, groups: int = 1
) -> ArchSpec:
    channels = BASIC_CHANNELS if block == "basic" else BOTTLENECK_CHANNELS
    options = (("groups", groups),) if groups > 1 else ()
    stages = tuple(
        StageSpec(block, width, depth, stride=stride, expand_ratio=expand_ratio, options=options)
        for width, depth, stride in zip(channels, layers, STRIDES, strict=True)
    )
    return ArchSpec(STEM, stages, HeadSpec(), activation="relu", norm=NORM, name=name)
