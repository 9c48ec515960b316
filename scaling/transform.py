"""Scaling one network by multipliers of width, depth and resolution."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from typing import NamedTuple

from nas.errors import ConfigError
from nas.scaling.rounding import round_channels, round_layers, round_resolution
from nas.spec import ArchSpec, StageSpec


class Sizes(NamedTuple):
    """The whole numbers that scaling changes; of one baseline, equal sizes are equal networks.

    channels and layers: of the stages. head and hidden: None where the network has no such layer.
    """

    stem: int
    channels: tuple[int, ...]
    layers: tuple[int, ...]
    head: int | None
    hidden: int | None
    resolution: int


def scale(
    arch: ArchSpec,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    resolution: float = 1.0,
    resolution_px: int | None = None,
    resolution_multiple: int = 1,
    name: str = "",
) -> ArchSpec:
    """`arch` with every width, stage depth and the input side multiplied, then rounded.

    Widths of stem, stages and head go to multiples of 8 (`round_channels`), layers of every stage
    up (`round_layers`). `resolution_px` sets the side outright; otherwise it is the baseline's
    times `resolution`, rounded to `resolution_multiple`. A multiplier of exactly 1 changes nothing,
    so that a baseline whose widths are no multiples of 8 stays itself.
    Raises: ConfigError if a multiplier is not positive.
    """
    sizes = scaled_sizes(
        arch,
        width=width,
        depth=depth,
        resolution=resolution,
        resolution_multiple=resolution_multiple,
    )
    return dataclasses.replace(
        arch,
        stem=dataclasses.replace(arch.stem, channels=sizes.stem),
        stages=tuple(map(_resized, arch.stages, sizes.channels, sizes.layers)),
        head=dataclasses.replace(arch.head, channels=sizes.head, hidden=sizes.hidden),
        resolution=sizes.resolution if resolution_px is None else resolution_px,
        name=name,
    )


def scaled_sizes(
    arch: ArchSpec,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    resolution: float = 1.0,
    resolution_multiple: int = 1,
) -> Sizes:
    """What `scale` rounds to, without the network; it may be too large for one.

    Raises: ConfigError if a multiplier is not positive.
    """
    for what, multiplier in (("width", width), ("depth", depth), ("resolution", resolution)):
        if not multiplier > 0 or not math.isfinite(multiplier):
            raise ConfigError(f"{what} multiplier {multiplier} must be positive")

    def wider(channels: int) -> int:
        return channels if width == 1 else round_channels(channels * width)

    return Sizes(
        stem=wider(arch.stem.channels),
        channels=tuple(wider(stage.channels) for stage in arch.stages),
        layers=tuple(round_layers(stage.layers, depth) for stage in arch.stages),
        head=None if arch.head.channels is None else wider(arch.head.channels),
        hidden=None if arch.head.hidden is None else wider(arch.head.hidden),
        resolution=(
            arch.resolution
            if resolution == 1
            else round_resolution(arch.resolution * resolution, resolution_multiple)
        ),
    )


# A grid asks for the same few thousand stages in tens of thousands of networks.
@lru_cache(maxsize=65536)
def _resized(stage: StageSpec, channels: int, layers: int) -> StageSpec:
    return dataclasses.replace(stage, channels=channels, layers=layers)
