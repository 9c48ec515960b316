"""The words that key maps are written in: which of our modules holds what under which name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nas.errors import SpecError
from nas.spec import ArchSpec, BlockSpec

Library = Literal["torchvision", "timm"]

COUNTER = "num_batches_tracked"
_CONVOLUTION = ("weight",)
_BIASED = ("weight", "bias")
_NORM = ("weight", "bias", "running_mean", "running_var", COUNTER)


@dataclass(frozen=True)
class Pair:
    """Our module, the library's, and the tensors that both hold.

    `as_convolution`: our linear layer is a 1x1 convolution there, so its weight has two more
    dimensions of 1.
    """

    ours: str
    theirs: str
    tensors: tuple[str, ...]
    as_convolution: bool = False


def conv_norm(ours: str, convolution: str, norm: str) -> Iterator[Pair]:
    """A `ConvNorm`: its convolution and its batch norm."""
    yield Pair(f"{ours}.conv", convolution, _CONVOLUTION)
    yield Pair(f"{ours}.norm", norm, _NORM)


def biased(ours: str, theirs: str, *, as_convolution: bool = False) -> Pair:
    """A linear layer, or a convolution with bias."""
    return Pair(ours, theirs, _BIASED, as_convolution)


def squeeze_excite(block: str, reduce: str, expand: str) -> Iterator[Pair]:
    """The two convolutions of our block's squeeze-excite."""
    yield biased(f"{block}.se.reduce", reduce)
    yield biased(f"{block}.se.expand", expand)


def place(block: BlockSpec) -> str:
    """Our module of a block."""
    return f"stages.{block.stage}.{block.layer}"


def require_block(arch: ArchSpec, kinds: tuple[str, ...], theirs: str) -> None:
    """Refuse a stage of another kind. Raises: SpecError naming it."""
    for index, stage in enumerate(arch.stages):
        if stage.block not in kinds:
            raise SpecError(
                f"stages[{index}].block is '{stage.block}'; {theirs} holds "
                f"{' or '.join(map(repr, kinds))} only, so this network keeps its own names"
            )


def refuse_pooled_skips(arch: ArchSpec, theirs: str) -> None:
    """Refuse skips that pool and pad: no library's block has one. Raises: SpecError."""
    for index, stage in enumerate(arch.stages):
        if stage.option("skip", "") == "pool":
            raise SpecError(
                f"stages[{index}].options.skip is 'pool'; {theirs} has no such skip, so this "
                "network keeps its own names"
            )


def require_head(arch: ArchSpec, theirs: str, *, convolution: bool, hidden: bool) -> None:
    """Refuse a head of another form. Raises: SpecError naming the part."""
    for name, present, needed in (
        ("channels", arch.head.channels is not None, convolution),
        ("hidden", arch.head.hidden is not None, hidden),
    ):
        if present != needed:
            layer = "a convolution" if name == "channels" else "a hidden layer"
            raise SpecError(
                f"head.{name} is {'set' if present else 'absent'}; {theirs} has "
                f"{layer if needed else 'no such layer'} there, so this network keeps its own "
                "names"
            )
