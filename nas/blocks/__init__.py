"""Block kinds by name: the built-in ones, and those of plug-ins.

A plug-in offers a kind by an entry point in the group `nas.blocks`, or a spec names it directly as
`module:Attr`.
"""

from __future__ import annotations

from functools import cache

from nas.blocks.conv import CONV
from nas.blocks.fused_mbconv import FUSED_MBCONV
from nas.blocks.kind import BlockKind, expanded_channels, squeezed_channels
from nas.blocks.mbconv import MBCONV
from nas.blocks.resnet import BASIC, BOTTLENECK
from nas.blocks.separable import SEPARABLE
from nas.errors import PluginError, SpecError
from nas.registry import Registry

__all__ = [
    "BLOCK_KINDS",
    "BUILT_IN",
    "BlockKind",
    "block_kind",
    "expanded_channels",
    "squeezed_channels",
]

BUILT_IN = {kind.name: kind for kind in (MBCONV, SEPARABLE, FUSED_MBCONV, CONV, BASIC, BOTTLENECK)}

BLOCK_KINDS = Registry("nas.blocks", "block kind", dict.fromkeys(BUILT_IN, "nas.blocks:BUILT_IN"))


@cache
def block_kind(name: str) -> BlockKind:
    """The block kind called `name`. Plug-ins are looked up only where no built-in has the name.

    Raises: SpecError if there is none, or if it cannot be loaded.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    try:
        kind = BLOCK_KINDS.load(name)
    except PluginError as error:
        raise SpecError(f"stage.block: {error}") from None
    if not isinstance(kind, BlockKind):
        raise SpecError(f"stage.block '{name}' is a {type(kind).__name__}, not a nas BlockKind")
    return kind
