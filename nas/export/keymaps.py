"""State dicts under torchvision's and timm's names for EfficientNet, and back.

The maps follow the spec, block by block, and name every tensor; nothing is matched by position or
shape. They rename only: what the other network computes is its builder's matter. In particular
batch norm's `eps` is no part of a state dict and differs by library and variant (torchvision: 1e-5
for B0..B4, 1e-3 for B5..B7; timm: 1e-5, but 1e-3 for its `tf_` models; the reference: 1e-3).
Whoever moves weights must set `arch.norm` to the eps they were trained with.

Source: torchvision/models/efficientnet.py and timm/models/_efficientnet_blocks.py. A block without
squeeze-excite leaves its place free in torchvision's numbering, because torchvision's MBConv always
puts a layer there; its builder must put an identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from nas.blocks import expanded_channels
from nas.errors import NasError, SpecError
from nas.spec import ArchSpec, BlockSpec

if TYPE_CHECKING:
    from torch import Tensor

Library = Literal["torchvision", "timm"]

_CONV = ("weight",)
_BIASED = ("weight", "bias")
_COUNTER = "num_batches_tracked"
_NORM = ("weight", "bias", "running_mean", "running_var", _COUNTER)

# Our module, their module, the tensors both hold.
Pair = tuple[str, str, tuple[str, ...]]


def to_torchvision(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of `arch` under torchvision's names; see the module's text on eps.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _renamed(state, key_map(arch, "torchvision"), "our state dict")


def from_torchvision(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename torchvision's state dict of the same network to our names.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _renamed(state, _inverse(key_map(arch, "torchvision")), "torchvision's state dict")


def to_timm(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of `arch` under timm's names; see the module's text on eps.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _renamed(state, key_map(arch, "timm"), "our state dict")


def from_timm(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename timm's state dict of the same network to our names.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _renamed(state, _inverse(key_map(arch, "timm")), "timm's state dict")


def key_map(arch: ArchSpec, library: Library) -> dict[str, str]:
    """Our name -> the library's name, of every tensor of `arch`.

    Raises: SpecError naming the part of `arch` that has no counterpart.
    """
    _check(arch, library)
    pairs = _torchvision_pairs(arch) if library == "torchvision" else _timm_pairs(arch)
    return {
        f"{ours}.{tensor}": f"{theirs}.{tensor}"
        for ours, theirs, tensors in pairs
        for tensor in tensors
    }


def _check(arch: ArchSpec, library: Library) -> None:
    for index, stage in enumerate(arch.stages):
        if stage.block != "mbconv":
            raise SpecError(
                f"stages[{index}].block is '{stage.block}'; {library}'s EfficientNet holds "
                "'mbconv' only, so this network keeps its own names"
            )
    if arch.head.channels is None:
        raise SpecError(
            f"head.channels is absent; {library}'s EfficientNet has a convolution there, so this "
            "network keeps its own names"
        )
    if library == "torchvision":
        for block in arch.blocks():
            if block.expand_ratio != 1 and expanded_channels(block) == block.in_channels:
                raise SpecError(
                    f"stages[{block.stage}].expand_ratio is {block.expand_ratio:g}, which leaves "
                    f"{block.in_channels} channels as they are; torchvision then has no expansion "
                    "to hold its weights, use 1"
                )


def _place(block: BlockSpec) -> str:
    return f"stages.{block.stage}.{block.layer}"


def _torchvision_pairs(arch: ArchSpec) -> Iterator[Pair]:
    yield "stem.conv", "features.0.0", _CONV
    yield "stem.norm", "features.0.1", _NORM
    for block in arch.blocks():
        ours, theirs = _place(block), f"features.{block.stage + 1}.{block.layer}.block"
        # expand (absent at ratio 1), depthwise, squeeze-excite, project: numbered in that order.
        number = 0
        for layer in ("expand", "depthwise", "se", "project"):
            if layer == "expand" and block.expand_ratio == 1:
                continue
            if layer != "se":
                yield f"{ours}.{layer}.conv", f"{theirs}.{number}.0", _CONV
                yield f"{ours}.{layer}.norm", f"{theirs}.{number}.1", _NORM
            elif block.se is not None:
                yield f"{ours}.se.reduce", f"{theirs}.{number}.fc1", _BIASED
                yield f"{ours}.se.expand", f"{theirs}.{number}.fc2", _BIASED
            number += 1
    last = len(arch.stages) + 1
    yield "head.conv.conv", f"features.{last}.0", _CONV
    yield "head.conv.norm", f"features.{last}.1", _NORM
    yield "head.classifier", "classifier.1", _BIASED


def _timm_pairs(arch: ArchSpec) -> Iterator[Pair]:
    yield "stem.conv", "conv_stem", _CONV
    yield "stem.norm", "bn1", _NORM
    for block in arch.blocks():
        ours, theirs = _place(block), f"blocks.{block.stage}.{block.layer}"
        # At ratio 1 timm has another class (`ds`, DepthwiseSeparableConv) with other names.
        layers = (
            (("depthwise", "conv_dw"), ("project", "conv_pw"))
            if block.expand_ratio == 1
            else (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
        )
        for number, (layer, convolution) in enumerate(layers, start=1):
            yield f"{ours}.{layer}.conv", f"{theirs}.{convolution}", _CONV
            yield f"{ours}.{layer}.norm", f"{theirs}.bn{number}", _NORM
        if block.se is not None:
            yield f"{ours}.se.reduce", f"{theirs}.se.conv_reduce", _BIASED
            yield f"{ours}.se.expand", f"{theirs}.se.conv_expand", _BIASED
    yield "head.conv.conv", "conv_head", _CONV
    yield "head.conv.norm", "bn2", _NORM
    yield "head.classifier", "classifier", _BIASED


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {theirs: ours for ours, theirs in names.items()}


def _renamed(
    state: Mapping[str, Tensor], names: Mapping[str, str], described: str
) -> dict[str, Tensor]:
    """Rename every tensor, and refuse a state dict with other tensors than the map's.

    Weight files from before torch 0.4.1 lack batch norm's counter of batches, which may be absent.
    """
    unknown = [key for key in state if key not in names]
    if unknown:
        raise NasError(
            f"{described} has '{unknown[0]}', which this network does not "
            f"({len(unknown)} such tensors); it belongs to another network"
        )
    missing = [key for key in names if key not in state and not key.endswith(_COUNTER)]
    if missing:
        raise NasError(
            f"{described} lacks '{missing[0]}' ({len(missing)} such tensors); it belongs to "
            "another network or is incomplete"
        )
    return {names[key]: tensor for key, tensor in state.items()}
