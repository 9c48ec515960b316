"""timm's block strings ("ir_r2_k3_s2_e6_c24_se0.25") of a network's stages.

Source: timm/models/_efficientnet_builder.py, `_decode_block_str` and `EfficientNetBuilder`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nas.blocks import expanded_channels, squeezed_channels
from nas.channels import round_channels
from nas.export.errors import inexpressible
from nas.export.source_text import literal
from nas.spec import ArchSpec, BlockSpec

_ACTIVATIONS = {"relu": "re", "relu6": "r6", "hard-swish": "hs", "silu": "sw"}


def block_strings(
    arch: ArchSpec, activation: str, theirs: str, *, from_expanded: bool, rounds: bool
) -> list[list[str]]:
    """A list for each stage, of strings that stand for one or more blocks.

    activation: the network's, which strings do not repeat. from_expanded: whether timm's class
    takes a squeeze-excite's ratio of the expanded channels (MobileNetV3), not of the input's.
    rounds: whether it rounds that width to a multiple of 8.
    Raises: ExportError naming the part that has no string.
    """
    stages: list[list[_Run]] = [[] for _ in arch.stages]
    for block in arch.blocks():
        _refuse(block, theirs)
        letters, rest = _parts(block, arch, activation, from_expanded=from_expanded, rounds=rounds)
        runs = stages[block.stage]
        if runs and (runs[-1].letters, _unstrided(runs[-1].rest)) == (letters, _unstrided(rest)):
            runs[-1].blocks += 1
        else:
            runs.append(_Run(letters, rest))
    return [[f"{run.letters}_r{run.blocks}_{run.rest}" for run in runs] for runs in stages]


@dataclass
class _Run:
    """Blocks that one string stands for."""

    letters: str
    rest: str
    blocks: int = 1


def _unstrided(rest: str) -> str:
    """What must be equal for one string to stand for two blocks: only the first has the stride."""
    return "_".join(part for part in rest.split("_") if part not in ("s1", "s2"))


def _refuse(block: BlockSpec, theirs: str) -> None:
    stage = f"stages[{block.stage}]"
    if block.stride > 2:
        raise inexpressible(f"{stage}.stride", block.stride, theirs, "strides by 1 or 2")
    if block.activation not in _ACTIVATIONS:
        raise inexpressible(
            f"{stage}.activation", block.activation, theirs, "always has an activation"
        )
    if block.kind == "separable" and block.has_skip:
        raise inexpressible(
            f"{stage}.skip", True, theirs, "has no skip around a block of kind 'separable'"
        )
    if _letters(block) == "cn" and block.se is not None:
        raise inexpressible(
            f"{stage}.se", block.se.ratio, theirs, "has no squeeze-excite in a single convolution"
        )
    if block.se is not None and (block.se.activation or block.activation) not in _ACTIVATIONS:
        raise inexpressible(
            f"{stage}.se.activation", "none", theirs, "always has an activation there"
        )


def _letters(block: BlockSpec) -> str:
    """Timm's name of the kind."""
    if block.kind == "mbconv":
        return "ds" if block.expand_ratio == 1 else "ir"
    if block.kind == "fused-mbconv" and block.expand_ratio != 1:
        return "er"
    return "dsa" if block.kind == "separable" else "cn"


def _parts(
    block: BlockSpec, arch: ArchSpec, activation: str, *, from_expanded: bool, rounds: bool
) -> tuple[str, str]:
    """The kind's letters, and all settings behind the number of blocks."""
    letters = _letters(block)
    parts = [f"k{block.kernel}", f"s{block.stride}"]
    if letters in ("ir", "er"):
        parts.append(f"e{literal(block.expand_ratio)}")
    parts.append(f"c{block.out_channels}")
    if block.se is not None:
        ratio = _squeeze_ratio(block, from_expanded=from_expanded, rounds=rounds)
        parts.append(f"se{literal(ratio)}")
    # Said only where it changes something: some block of the stage keeps its shape.
    stage = [each for each in arch.blocks() if each.stage == block.stage]
    if any(each.stride == 1 and each.in_channels == each.out_channels for each in stage):
        if letters == "cn" and block.skip:
            parts.append("skip")
        if letters in ("ds", "ir", "er") and not block.skip:
            parts.append("noskip")
    if block.activation != activation:
        parts.append(f"n{_ACTIVATIONS[block.activation]}")
    return letters, "_".join(parts)


def _squeeze_ratio(block: BlockSpec, *, from_expanded: bool, rounds: bool) -> float:
    """A ratio with which timm arrives at the width of our squeeze-excite.

    timm rounds where ours is cut, and takes the ratio of a width that is rounded itself. The
    spec's own ratio is right nearly always; else the exact one, with all its digits.
    """
    assert block.se is not None
    inverted = _letters(block) in ("ir", "er")
    inside = expanded_channels(block) if inverted else block.in_channels
    squeezed = squeezed_channels(block, inside)
    expansion = 1.0 if from_expanded or not inverted else block.expand_ratio

    def theirs(ratio: float) -> int:
        width = inside * (ratio / expansion)
        return round_channels(width) if rounds else round(width)

    return next(
        ratio
        for ratio in _candidates(block, squeezed * expansion / inside)
        if theirs(ratio) == squeezed
    )


def _candidates(block: BlockSpec, exact: float) -> Iterator[float]:
    assert block.se is not None
    yield block.se.ratio
    yield block.se.ratio * block.expand_ratio
    yield round(exact, 4)
    yield exact
