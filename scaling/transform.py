"""Scaling one network by multipliers of width, depth and resolution."""

from __future__ import annotations

import dataclasses
import math

from nas.errors import ConfigError
from nas.scaling.rounding import round_channels, round_layers, round_resolution
from nas.spec import ArchSpec


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
    for what, multiplier in (("width", width), ("depth", depth), ("resolution", resolution)):
        if not multiplier > 0 or not math.isfinite(multiplier):
            raise ConfigError(f"{what} multiplier {multiplier} must be positive")

    def wider(channels: int) -> int:
        return channels if width == 1 else round_channels(channels * width)

    stages = tuple(
        dataclasses.replace(
            stage,
            channels=wider(stage.channels),
            layers=round_layers(stage.layers, depth),
        )
        for stage in arch.stages
    )
    head = arch.head
    if head.channels is not None:
        head = dataclasses.replace(head, channels=wider(head.channels))
    if head.hidden is not None:
        head = dataclasses.replace(head, hidden=wider(head.hidden))
    if resolution_px is None:
        resolution_px = (
            arch.resolution
            if resolution == 1
            else round_resolution(arch.resolution * resolution, resolution_multiple)
        )
    return dataclasses.replace(
        arch,
        stem=dataclasses.replace(arch.stem, channels=wider(arch.stem.channels)),
        stages=stages,
        head=head,
        resolution=resolution_px,
        name=name,
    )
