"""MobileNetV3 small and large.

Source: Howard et al. (arXiv 1905.02244), Tables 1 and 2. As in torchvision and the released code,
squeeze-excite narrows the expanded channels to a quarter, rounded to a multiple of 8, and the
layer after pooling is linear with bias.
"""

from __future__ import annotations

from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec

SQUEEZE_EXCITE = SqueezeExcite(
    ratio=0.25, of="expanded", divisor=8, activation="relu", gate="hard-sigmoid"
)

# The tables print the expanded width of every block; a stage here is a run of like blocks.
# kernel, expanded channels of the first block, channels, squeeze-excite, activation, stride, layers
Row = tuple[int, int, int, bool, str, int, int]

LARGE: tuple[Row, ...] = (
    (3, 16, 16, False, "relu", 1, 1),
    (3, 64, 24, False, "relu", 2, 1),
    (3, 72, 24, False, "relu", 1, 1),
    (5, 72, 40, True, "relu", 2, 1),
    (5, 120, 40, True, "relu", 1, 2),
    (3, 240, 80, False, "hard-swish", 2, 1),
    (3, 200, 80, False, "hard-swish", 1, 1),
    (3, 184, 80, False, "hard-swish", 1, 2),
    (3, 480, 112, True, "hard-swish", 1, 1),
    (3, 672, 112, True, "hard-swish", 1, 1),
    (5, 672, 160, True, "hard-swish", 2, 1),
    (5, 960, 160, True, "hard-swish", 1, 2),
)
SMALL: tuple[Row, ...] = (
    (3, 16, 16, True, "relu", 2, 1),
    (3, 72, 24, False, "relu", 2, 1),
    (3, 88, 24, False, "relu", 1, 1),
    (5, 96, 40, True, "hard-swish", 2, 1),
    (5, 240, 40, True, "hard-swish", 1, 2),
    (5, 120, 48, True, "hard-swish", 1, 1),
    (5, 144, 48, True, "hard-swish", 1, 1),
    (5, 288, 96, True, "hard-swish", 2, 1),
    (5, 576, 96, True, "hard-swish", 1, 2),
)
STEM_CHANNELS = 16


def mobilenet_v3_large() -> ArchSpec:
    """MobileNetV3-Large 1.0."""
    return _network("mobilenet-v3-large", LARGE, HeadSpec(960, dropout=0.2, hidden=1280))


def mobilenet_v3_small() -> ArchSpec:
    """MobileNetV3-Small 1.0."""
    return _network("mobilenet-v3-small", SMALL, HeadSpec(576, dropout=0.2, hidden=1024))


def _network(name: str, rows: tuple[Row, ...], head: HeadSpec) -> ArchSpec:
    stages = []
    channels = STEM_CHANNELS
    for kernel, expanded, outputs, se, activation, stride, layers in rows:
        stages.append(
            StageSpec(
                "mbconv",
                outputs,
                layers,
                stride=stride,
                kernel=kernel,
                expand_ratio=expanded / channels,
                se=SQUEEZE_EXCITE if se else None,
                activation=activation,
            )
        )
        channels = outputs
    stem = StemSpec(STEM_CHANNELS)
    return ArchSpec(stem, tuple(stages), head, activation="hard-swish", name=name)
