"""Parts of a training that come from timm and torchvision, which are not always installed."""

from __future__ import annotations

import importlib
from typing import Any

from nas.errors import TrainingError


def require_timm(what: str, module: str = "timm") -> Any:
    """The `module` of timm. Raises: TrainingError, saying what needs it, if it is absent."""
    return _require(what, "timm", module)


def require_torchvision(what: str, module: str = "torchvision") -> Any:
    """The `module` of torchvision. Raises: TrainingError, saying what needs it, if absent."""
    return _require(what, "torchvision", module)


def _require(what: str, package: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise TrainingError(f"{what} needs {package}; pip install 'compound-nas[train]'") from None
