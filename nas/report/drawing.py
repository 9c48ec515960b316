"""Networks drawn block by block: as high as the feature map, as wide as its channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.blocks import block_kind
from nas.cost import describe_stage, network_cost
from nas.report.figures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    QUIET,
    SKY,
    Canvas,
    Plot,
    styled,
)
from nas.spec import ArchSpec, BlockSpec, StageSpec
from nas.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KERNELS = {1: PURPLE, 3: SKY, 5: ORANGE, 7: GREEN}
_OTHER_KERNEL = BLUE
# Blocks that widen their input less are drawn pale.
_WIDENS = 4.0
_GAP, _STAGE_GAP = 0.14, 0.45
# What a stage says below it needs room, however narrow its blocks are.
_LEAST_SLOT = 1.25


@styled
def network_drawing(networks: Sequence[tuple[str, ArchSpec]], name: str) -> Plot:
    """Networks one below the other, to one scale. networks: (title, network)."""
    canvas = Canvas(height=0.45 + 2.35 * len(networks))
    panels = canvas.rows([1.0] * len(networks))
    width = max(_total_width(arch) for _, arch in networks)
    height = max(_height(arch.resolution) for _, arch in networks)
    for axes, (title, arch) in zip(panels, networks, strict=True):
        _draw(axes, title, arch)
        axes.set_xlim(-0.4, width + 0.4)
        axes.set_ylim(-0.62 * height, 1.38 * height)
        axes.set_axis_off()
    _legend(canvas, [arch for _, arch in networks])
    described = "; ".join(
        f"{title}: {', '.join(f'{s.layers} x {describe_stage(s)}' for s in arch.stages)}"
        for title, arch in networks
    )
    return canvas.plot(
        name, "The network, stage by stage", f"Stages from input to head. {described}."
    )


def _draw(axes: Axes, title: str, arch: ArchSpec) -> None:
    cost = network_cost(arch)
    stem = arch.stem
    x = _box(axes, 0.0, stem.channels, stem.out_size(arch.resolution), QUIET, "stem", stem.channels)
    blocks = arch.blocks()
    for index, stage in enumerate(arch.stages):
        mine = [block for block in blocks if block.stage == index]
        slot, drawn = _slot(stage), _blocks_width(stage)
        _under(axes, x + slot / 2, stage.layers, mine[-1])
        start = x + (slot - drawn) / 2
        for place, block in enumerate(mine):
            _block(axes, start + place * (_width(stage.channels) + _GAP), block)
        x += slot + _STAGE_GAP
    head = arch.head.channels or blocks[-1].out_channels
    _box(axes, x, head, blocks[-1].out_size, QUIET, "head", head)
    axes.annotate(
        title,
        (0, 1),
        xycoords="axes fraction",
        va="top",
        ha="left",
        fontsize=11,
        fontweight="bold",
    )
    axes.annotate(
        f"{arch.resolution} px, {arch.depth} blocks, {format_count(cost.flops)} FLOPs, "
        f"{format_count(cost.params)} parameters",
        (1, 1),
        xycoords="axes fraction",
        va="top",
        ha="right",
        fontsize=9,
        color=QUIET,
    )


def _block(axes: Axes, x: float, block: BlockSpec) -> None:
    from matplotlib.patches import Rectangle

    width, height = _width(block.out_channels), _height(block.out_size)
    widens = block_kind(block.kind).expands and block.expand_ratio >= _WIDENS
    pale = block_kind(block.kind).expands and not widens
    axes.add_patch(
        Rectangle(
            (x, 0),
            width,
            height,
            facecolor=_KERNELS.get(block.kernel, _OTHER_KERNEL),
            alpha=0.4 if pale else 1.0,
            edgecolor=PAPER,
            linewidth=0.4,
        )
    )
    if block.se is not None:
        axes.plot(x + width / 2, height + 0.22, "o", color=INK, markersize=3.2)


def _under(axes: Axes, x: float, layers: int, block: BlockSpec) -> None:
    """What a stage is, below it: layers, expansion and kernel, channels, size."""
    expands = block_kind(block.kind).expands
    expand = f" e{block.expand_ratio:g}" if expands else f" {block.kind}"
    lines = [
        f"{layers} x",
        f"k{block.kernel}{expand}",
        f"{block.out_channels} ch",
        f"{block.out_size} px",
    ]
    axes.annotate(
        "\n".join(lines),
        (x, 0),
        xytext=(0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8,
        linespacing=1.3,
    )


def _box(
    axes: Axes, x: float, channels: int, size: int, colour: str, label: str, count: int
) -> float:
    """The stem or the head; returns where the next begins."""
    from matplotlib.patches import Rectangle

    width, slot = _width(channels), _box_slot(channels)
    axes.add_patch(
        Rectangle(
            (x + (slot - width) / 2, 0),
            width,
            _height(size),
            facecolor="none",
            edgecolor=colour,
            linewidth=1,
        )
    )
    axes.annotate(
        f"{label}\n\n{count} ch\n{size} px",
        (x + slot / 2, 0),
        xytext=(0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8,
        linespacing=1.3,
        color=colour,
    )
    return x + slot + _STAGE_GAP


def _legend(canvas: Canvas, networks: Sequence[ArchSpec]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    stages = [stage for arch in networks for stage in arch.stages]
    kernels = sorted({stage.kernel for stage in stages})
    handles: list[Patch | Line2D] = [
        Patch(facecolor=_KERNELS.get(k, _OTHER_KERNEL), label=f"kernel {k}x{k}") for k in kernels
    ]
    if any(block_kind(stage.block).expands for stage in stages):
        handles.append(
            Patch(facecolor=QUIET, alpha=0.4, label=f"pale: expansion below {_WIDENS:g}")
        )
    if any(stage.se is not None for stage in stages):
        handles.append(
            Line2D(
                [], [], marker="o", color=INK, linestyle="", markersize=4, label="squeeze-excite"
            )
        )
    canvas.figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _width(channels: int) -> float:
    """The root, so that a head of 1,280 leaves room for stages of 16."""
    return 0.11 * math.sqrt(channels)


def _height(size: int) -> float:
    """The logarithm, since each stride halves the size."""
    return math.log2(size) + 0.6


def _blocks_width(stage: StageSpec) -> float:
    return stage.layers * (_width(stage.channels) + _GAP) - _GAP


def _slot(stage: StageSpec) -> float:
    return max(_LEAST_SLOT, _blocks_width(stage))


def _box_slot(channels: int) -> float:
    return max(_LEAST_SLOT, _width(channels))


def _total_width(arch: ArchSpec) -> float:
    slots = [_box_slot(arch.stem.channels), *map(_slot, arch.stages)]
    slots.append(_box_slot(arch.head.channels or arch.stages[-1].channels))
    return sum(slots) + (len(slots) - 1) * _STAGE_GAP
