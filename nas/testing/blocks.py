"""The contract of a block kind: its cost rule is exact, its module has the promised shape."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from nas.arithmetic import BYTES_PER_VALUE
from nas.blocks import BlockKind
from nas.errors import SpecError
from nas.spec import BlockSpec, NormSpec, Scalar, SqueezeExcite, StageSpec, expand_stage
from nas.testing.claims import claim, during
from nas.testing.counting import claim_equal, count


def check_block_kind(
    kind: BlockKind,
    *,
    channels: Sequence[tuple[int, int]] = ((16, 16), (16, 24), (24, 10)),
    sizes: Sequence[int] = (1, 7, 8),
    strides: Sequence[int] = (1, 2),
    kernels: Sequence[int] = (3, 5),
    expand_ratios: Sequence[float] = (1, 2.5),
    squeeze_excites: Sequence[SqueezeExcite | None] = (None, SqueezeExcite()),
    options: Sequence[Mapping[str, Scalar]] = ({},),
) -> None:
    """Check a block kind over a grid of settings; those that its `check` refuses are left out.

    `channels` are (in, out) pairs, `sizes` input sides in pixels. At every setting the cost rule's
    FLOPs, parameters, activations and weight memory equal what torch counts, to the unit, the same
    in every further layer, and the output has the promised shape; once per stride a block runs
    forward and backward at batch 2.
    Raises: AssertionError naming the setting.
    """
    claim(isinstance(kind, BlockKind), f"{kind!r} is no nas.blocks.BlockKind")
    trained: set[int] = set()
    accepted = 0
    for block in _grid(
        kind.name, channels, sizes, strides, kernels, expand_ratios, squeeze_excites, options
    ):
        what = f"block kind '{kind.name}' at {describe_block(block)}"
        with during(what):
            try:
                kind.check(block)
            except SpecError:
                continue
            accepted += 1
            check_block(kind, block, what)
            if block.stride not in trained and block.in_size > 1:
                _run_forward_and_backward(kind, block, what)
                trained.add(block.stride)
    claim(accepted > 0, f"block kind '{kind.name}' refuses every setting of the grid")


def check_block(kind: BlockKind, block: BlockSpec, what: str) -> None:
    """Compare one block's cost rule and promised shape with its module on the meta device."""
    import torch

    with torch.device("meta"):
        module = kind.build(block, NormSpec())
    counted = count(module, block.in_channels, block.in_size)
    promised = (block.out_channels, block.out_size, block.out_size)
    claim(counted.shape == promised, f"{what}: output {counted.shape}, promised {promised}")
    cost = kind.cost(block)
    claim_equal(cost, counted, what)
    further = [dataclasses.replace(block, layer=layer) for layer in (1, 4)]
    claim(
        kind.cost(further[0]) == kind.cost(further[1]),
        f"{what}: layer 1 costs other than layer 4; behind a stage's first block a cost must not "
        "depend on the block's place",
    )
    inputs = block.in_channels * block.in_size**2
    outputs = block.out_channels * block.out_size**2
    least = max(inputs, outputs) * BYTES_PER_VALUE
    claim(
        cost.peak_activation_bytes >= least,
        f"{what}: peak_activation_bytes {cost.peak_activation_bytes} is below its input's or "
        f"output's {least}",
    )


def describe_block(block: BlockSpec) -> str:
    """A block's settings, as they are written in a stage."""
    text = (
        f"{block.in_channels}->{block.out_channels} channels, {block.in_size} px, "
        f"stride {block.stride}, kernel {block.kernel}, expand {block.expand_ratio:g}"
    )
    if block.se is not None:
        text += f", se {block.se.ratio:g}"
    return text + "".join(f", {key} {value}" for key, value in block.options)


def _grid(
    name: str,
    channels: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    strides: Sequence[int],
    kernels: Sequence[int],
    expand_ratios: Sequence[float],
    squeeze_excites: Sequence[SqueezeExcite | None],
    options: Sequence[Mapping[str, Scalar]],
) -> Iterator[BlockSpec]:
    for (inputs, outputs), size, stride, kernel, expand, se, extra in itertools.product(
        channels, sizes, strides, kernels, expand_ratios, squeeze_excites, options
    ):
        stage = StageSpec(
            name,
            outputs,
            layers=1,
            stride=stride,
            kernel=kernel,
            expand_ratio=expand,
            se=se,
            options=tuple(extra.items()),
        )
        yield from expand_stage(stage, inputs, size, "silu")


def _run_forward_and_backward(kind: BlockKind, block: BlockSpec, what: str) -> None:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = kind.build(block, NormSpec())
        images = torch.randn(2, block.in_channels, block.in_size, block.in_size)
        images.requires_grad_()
        # A module may work in place, which torch forbids on a leaf.
        module(images.clone()).square().mean().backward()
    claim(images.grad is not None, f"{what}: no gradient reaches the input")
    idle = [name for name, weight in module.named_parameters() if weight.grad is None]
    claim(not idle, f"{what}: no gradient reaches {', '.join(idle)}")
