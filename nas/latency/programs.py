"""The programs of a network's parts."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn

from nas.blocks import block_kind
from nas.latency.parts import parts_of
from nas.latency.program import Program
from nas.latency.tracing import program_of
from nas.model import Network
from nas.spec import ArchSpec


def part_programs(arch: ArchSpec, wanted: Collection[str]) -> dict[str, Program]:
    """The programs of those parts of `arch` whose keys are wanted.

    Raises: UntracedError where a block has something that a program has no step for.
    """
    stem, *inner, head = (part.key for part in parts_of(arch))
    programs: dict[str, Program] = {}
    blocks = arch.blocks()
    # Shapes only, and only of what is wanted: to draw a network's weights takes a second.
    with torch.device("meta"):
        for key, block in zip(inner, blocks, strict=True):
            if key in wanted and key not in programs:
                module = block_kind(block.kind).build(block, arch.norm)
                output = (block.out_channels, block.out_size, block.out_size)
                programs[key] = program_of(module, block.in_channels, block.in_size, output)
        if stem in wanted or head in wanted:
            network = Network(arch)
            first = nn.Sequential(network.stem, network.stem_pool)
            size, last = arch.stem.out_size(arch.resolution), blocks[-1]
            output = (arch.stem.channels, size, size)
            programs[stem] = program_of(first, arch.in_channels, arch.resolution, output)
            classes = (arch.classes,)
            programs[head] = program_of(network.head, last.out_channels, last.out_size, classes)
    return programs
