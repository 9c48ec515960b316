"""State dicts under torchvision's and timm's names, and back.

The maps follow the spec, block by block, and name every tensor; nothing is matched by position or
shape. They rename only: what the other network computes is its builder's matter. In particular
batch norm's `eps` is no part of a state dict and differs by library and variant (torchvision's
EfficientNet: 1e-5 for B0..B4, 1e-3 for B5..B7; timm: 1e-5, but 1e-3 for its `tf_` models; the
reference: 1e-3). Whoever moves weights must set `arch.norm` to the eps they were trained with.

A file for each family says whose names a network takes; `family_of` chooses by the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.export.keymaps.efficientnet import efficientnet_pairs
from nas.export.keymaps.mobilenet_v1 import mobilenet_v1_pairs
from nas.export.keymaps.mobilenet_v2 import mobilenet_v2_pairs
from nas.export.keymaps.mobilenet_v3 import mobilenet_v3_pairs
from nas.export.keymaps.pairs import COUNTER, Library, Pair
from nas.export.keymaps.resnet import resnet_pairs
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "FAMILIES",
    "Library",
    "family_of",
    "from_timm",
    "from_torchvision",
    "key_map",
    "to_timm",
    "to_torchvision",
]

FAMILIES: dict[str, Callable[[ArchSpec, Library], Iterator[Pair]]] = {
    "efficientnet": efficientnet_pairs,
    "mobilenet-v1": mobilenet_v1_pairs,
    "mobilenet-v2": mobilenet_v2_pairs,
    "mobilenet-v3": mobilenet_v3_pairs,
    "resnet": resnet_pairs,
}


def family_of(arch: ArchSpec) -> str:
    """Whose names `arch` takes, by its first stage and its head.

    Inverted bottlenecks could be a MobileNetV2 or an EfficientNet: they are the former where they
    have ReLU6 and no squeeze-excite, as that network has.
    """
    kinds = {stage.block for stage in arch.stages}
    if arch.stages[0].block in ("basic", "bottleneck"):
        return "resnet"
    if arch.head.hidden is not None:
        return "mobilenet-v3"
    if kinds == {"separable"}:
        return "mobilenet-v1"
    if arch.activation == "relu6" and all(stage.se is None for stage in arch.stages):
        return "mobilenet-v2"
    return "efficientnet"


def to_torchvision(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of `arch` under torchvision's names; see the module's text on eps.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _to(arch, state, "torchvision")


def from_torchvision(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename torchvision's state dict of the same network to our names.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _from(arch, state, "torchvision")


def to_timm(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict of `arch` under timm's names; see the module's text on eps.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _to(arch, state, "timm")


def from_timm(arch: ArchSpec, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename timm's state dict of the same network to our names.

    Raises: SpecError if a part of `arch` has no counterpart, NasError if `state` is not its state.
    """
    return _from(arch, state, "timm")


def key_map(arch: ArchSpec, library: Library) -> dict[str, str]:
    """Our name -> the library's name, of every tensor of `arch`.

    Raises: SpecError naming the part of `arch` that has no counterpart.
    """
    return {
        f"{pair.ours}.{tensor}": f"{pair.theirs}.{tensor}"
        for pair in FAMILIES[family_of(arch)](arch, library)
        for tensor in pair.tensors
    }


def _as_convolution(arch: ArchSpec, library: Library) -> set[str]:
    """Our names of the linear weights that are 1x1 convolutions there."""
    pairs = FAMILIES[family_of(arch)](arch, library)
    return {f"{pair.ours}.weight" for pair in pairs if pair.as_convolution}


def _to(arch: ArchSpec, state: Mapping[str, Tensor], library: Library) -> dict[str, Tensor]:
    names = key_map(arch, library)
    renamed = _renamed(state, names, "our state dict")
    for ours in _as_convolution(arch, library):
        renamed[names[ours]] = renamed[names[ours]][:, :, None, None]
    return renamed


def _from(arch: ArchSpec, state: Mapping[str, Tensor], library: Library) -> dict[str, Tensor]:
    names = {theirs: ours for ours, theirs in key_map(arch, library).items()}
    renamed = _renamed(state, names, f"{library}'s state dict")
    for ours in _as_convolution(arch, library):
        renamed[ours] = renamed[ours].flatten(1)
    return renamed


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
    missing = [key for key in names if key not in state and not key.endswith(COUNTER)]
    if missing:
        raise NasError(
            f"{described} lacks '{missing[0]}' ({len(missing)} such tensors); it belongs to "
            "another network or is incomplete"
        )
    return {names[key]: tensor for key, tensor in state.items()}
