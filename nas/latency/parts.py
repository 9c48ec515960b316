"""The parts of a network that a table knows: its stem, its blocks, its head.

Two blocks are one part where a device cannot tell them apart: the same kind, sizes, channels and
activation, wherever they stand and whatever training makes of them. No torch here: a search
predicts thousands of networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from nas.latency.layers import Features, block_features, head_features, stem_features
from nas.layout import describe_squeeze_excite
from nas.spec import ArchSpec, BlockSpec, HeadSpec, StageSpec, StemSpec, expand_stage


@dataclass(frozen=True)
class Part:
    """A stem, block or head at its size.

    key: what it is, in words; equal keys are the same work. features: what it does, counted; see
    `nas.latency.layers`.
    """

    key: str
    features: Features


def parts_of(arch: ArchSpec) -> tuple[Part, ...]:
    """Stem, blocks in order, head."""
    size = arch.stem.out_size(arch.resolution)
    parts = [_stem(arch.stem, arch.in_channels, arch.resolution, arch.activation)]
    channels = arch.stem.channels
    for stage in arch.stages:
        of_stage, size = _stage(stage, channels, size, arch.activation)
        parts += of_stage
        channels = stage.channels
    head = _head(arch.head, channels, size, arch.classes, arch.activation)
    return (*parts, head)


@lru_cache(maxsize=1 << 16)
def _stage(
    stage: StageSpec, channels: int, size: int, activation: str
) -> tuple[tuple[Part, ...], int]:
    blocks = list(expand_stage(stage, channels, size, activation))
    return tuple(Part(_block_key(each), block_features(each)) for each in blocks), blocks[
        -1
    ].out_size


def _block_key(block: BlockSpec) -> str:
    words = [
        block.kind,
        f"{block.in_channels}-{block.out_channels}",
        f"{block.in_size}px",
        f"k{block.kernel}",
        f"s{block.stride}",
        f"x{block.expand_ratio:g}",
        block.activation,
    ]
    if block.se is not None:
        words.append(f"se {describe_squeeze_excite(block.se)}")
    if not block.skip:
        words.append("no skip")
    words += [f"{name}={value}" for name, value in block.options]
    return " ".join(words)


@lru_cache(maxsize=1024)
def _stem(stem: StemSpec, in_channels: int, resolution: int, activation: str) -> Part:
    activation = stem.activation or activation
    words = f"stem {in_channels}-{stem.channels} {resolution}px k{stem.kernel} s{stem.stride}"
    key = f"{words} {activation}" + (" max-pool" if stem.max_pool else "")
    return Part(key, stem_features(stem, in_channels, resolution, activation))


@lru_cache(maxsize=1024)
def _head(head: HeadSpec, channels: int, size: int, classes: int, activation: str) -> Part:
    activation = head.activation or activation
    widths = [each for each in (head.channels, head.hidden) if each is not None]
    path = "-".join(map(str, (channels, *widths, classes)))
    hidden = "" if head.hidden is None else " hidden"
    key = f"head {path} {size}px {activation}{hidden}"
    return Part(key, head_features(head, channels, size, classes, activation))
