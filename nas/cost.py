"""FLOPs, parameters, activations and memory of a network, by arithmetic.

No module is built and no tensor allocated: a search asks for the cost of many thousand networks.
The same expansion (`ArchSpec.blocks()`) builds the network in `nas.model`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from nas.arithmetic import BYTES_PER_VALUE, Cost, convolution, linear
from nas.blocks import block_kind
from nas.errors import SpecError
from nas.spec import ArchSpec, BlockSpec, HeadSpec, StageSpec, StemSpec, expand_stage, strided

__all__ = ["Cost", "StageCost", "layer_costs", "network_cost", "per_stage"]


@dataclass(frozen=True)
class StageCost:
    """One row of a network's table. Sizes are side lengths in pixels."""

    name: str
    operator: str
    layers: int
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    cost: Cost


# The memos hold what a search meets: a few hundred distinct stages. Costs are immutable values, so
# sharing them is safe.
@lru_cache(maxsize=65536)
def _block_cost(block: BlockSpec) -> Cost:
    kind = block_kind(block.kind)
    kind.check(block)
    return kind.cost(block)


@lru_cache(maxsize=65536)
def _stage_cost(stage: StageSpec, in_channels: int, in_size: int, activation: str) -> Cost:
    # Behind the second block only the place differs, and a cost is of no place.
    first, *second = (
        _block_cost(block)
        for block in islice(expand_stage(stage, in_channels, in_size, activation), 2)
    )
    return first + second[0].times(stage.layers - 1) if second else first


@lru_cache(maxsize=65536)
def _further_cost(stage: StageSpec, in_channels: int, in_size: int, activation: str) -> Cost:
    """What one more layer of a stage adds."""
    deeper = dataclasses.replace(stage, layers=2)
    _, second = expand_stage(deeper, in_channels, in_size, activation)
    return _block_cost(second)


@lru_cache(maxsize=4096)
def _stem_cost(stem: StemSpec, in_channels: int, resolution: int) -> Cost:
    size = stem.conv_size(resolution)
    cost = convolution(in_channels, stem.channels, stem.kernel, resolution, size)
    if stem.max_pool:
        elements = stem.channels * (size * size + stem.out_size(resolution) ** 2)
        cost += Cost(peak_activation_bytes=elements * BYTES_PER_VALUE)
    return cost


@lru_cache(maxsize=4096)
def _head_cost(head: HeadSpec, in_channels: int, in_size: int, classes: int) -> Cost:
    cost = Cost()
    features = in_channels
    if head.channels is not None:
        features = head.channels
        cost += convolution(in_channels, features, 1, in_size, in_size)
    # Pooling has no weights, but its input and output are alive together: on a map of one pixel
    # that is more than the convolution before it needs.
    pooling = Cost(peak_activation_bytes=features * (in_size * in_size + 1) * BYTES_PER_VALUE)
    cost += pooling
    if head.hidden is not None:
        cost += linear(features, head.hidden)
        features = head.hidden
    return cost + linear(features, classes)


def network_cost(arch: ArchSpec) -> Cost:
    """The cost of one image through the whole network."""
    cost = _stem_cost(arch.stem, arch.in_channels, arch.resolution)
    channels, size = arch.stem.channels, arch.stem.out_size(arch.resolution)
    flops, params, activations = cost.flops, cost.params, cost.activations
    weight_bytes, peak = cost.weight_bytes, cost.peak_activation_bytes
    for index, stage in enumerate(arch.stages):
        try:
            cost = _stage_cost(stage, channels, size, arch.activation)
        except SpecError as error:
            raise SpecError(str(error).replace("stage.", f"stages[{index}].", 1)) from None
        flops += cost.flops
        params += cost.params
        activations += cost.activations
        weight_bytes += cost.weight_bytes
        peak = max(peak, cost.peak_activation_bytes)
        channels, size = stage.channels, strided(size, stage.stride)
    head = _head_cost(arch.head, channels, size, arch.classes)
    return Cost(
        flops + head.flops,
        params + head.params,
        activations + head.activations,
        weight_bytes + head.weight_bytes,
        max(peak, head.peak_activation_bytes),
    )


def layer_costs(arch: ArchSpec) -> tuple[Cost, ...]:
    """What one more layer of each stage adds to the network's cost; its peak is the layer's own.

    So the cost of the network at any depth is arithmetic, for block kinds as they are: a block
    behind a stage's second differs from it by its place only.
    """
    channels, size = arch.stem.channels, arch.stem.out_size(arch.resolution)
    costs = []
    for stage in arch.stages:
        costs.append(_further_cost(stage, channels, size, arch.activation))
        channels, size = stage.channels, strided(size, stage.stride)
    return tuple(costs)


def per_stage(arch: ArchSpec) -> tuple[StageCost, ...]:
    """The network's table: stem, stages, head; the costs add up to `network_cost`."""
    size = arch.stem.out_size(arch.resolution)
    channels = arch.stem.channels
    rows = [
        StageCost(
            "stem",
            _describe_stem(arch.stem),
            1,
            arch.in_channels,
            channels,
            arch.resolution,
            size,
            _stem_cost(arch.stem, arch.in_channels, arch.resolution),
        )
    ]
    for index, stage in enumerate(arch.stages):
        out_size = strided(size, stage.stride)
        rows.append(
            StageCost(
                f"stage{index}",
                describe_stage(stage),
                stage.layers,
                channels,
                stage.channels,
                size,
                out_size,
                _stage_cost(stage, channels, size, arch.activation),
            )
        )
        channels, size = stage.channels, out_size
    features = arch.head.channels or channels
    head_cost = _head_cost(arch.head, channels, size, arch.classes)
    operator = _describe_head(arch.head)
    rows.append(StageCost("head", operator, 1, channels, features, size, 1, head_cost))
    return tuple(rows)


def _describe_stem(stem: StemSpec) -> str:
    return f"conv{stem.kernel}x{stem.kernel}" + (", max pool" if stem.max_pool else "")


def _describe_head(head: HeadSpec) -> str:
    convolution = "" if head.channels is None else "conv1x1, "
    hidden = "" if head.hidden is None else f"linear to {head.hidden}, "
    return f"{convolution}pool, {hidden}linear"


def describe_stage(stage: StageSpec) -> str:
    """A stage's operator in a few characters: "mbconv6 k5x5 se0.25"."""
    expand = f"{stage.expand_ratio:g}" if block_kind(stage.block).expands else ""
    text = f"{stage.block}{expand} k{stage.kernel}x{stage.kernel}"
    if stage.se is not None:
        text += f" se{stage.se.ratio:g}"
    if stage.stride > 1:
        text += f" /{stage.stride}"
    if not stage.skip:
        text += " no skip"
    return text + "".join(f" {key}={value}" for key, value in stage.options)
