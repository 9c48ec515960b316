"""Our own Optuna samplers. Names are imported when first used: scipy and optuna are heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.samplers.architecture import ArchitectureSampler

__all__ = ["ArchitectureSampler"]


def __getattr__(name: str) -> Any:
    if name == "ArchitectureSampler":
        from nas.samplers.architecture import ArchitectureSampler

        return ArchitectureSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
