"""What a target has written: its files, and the network that comes back from them."""

from __future__ import annotations

import secrets
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from nas.files import write_bytes_atomic, write_text_atomic
from nas.training.weight_header import NORM_EPS

MODEL, WEIGHTS = "model.py", "model.safetensors"


@dataclass(frozen=True)
class Written:
    """An export before its check.

    files: name -> what it is for. run: images (N, C, px, px) to logits (N, classes), by the files
    alone. tolerance: see `nas.export.parity`. notes: what the user should know, one line each.
    """

    files: Mapping[str, str]
    run: Callable[[Tensor], Tensor]
    tolerance: float
    notes: tuple[str, ...] = ()


def write_source(folder: Path, source: str) -> None:
    """Write `model.py`."""
    write_text_atomic(folder / MODEL, source)


def write_tensors(folder: Path, state: Mapping[str, Tensor], norm_eps: float) -> None:
    """Write a state dict under other names than ours as `model.safetensors`.

    norm_eps: batch norm's eps, which no state dict holds and reading it back needs.
    """
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write_bytes_atomic(
        folder / WEIGHTS, save(tensors, metadata={"format": "pt", NORM_EPS: repr(norm_eps)})
    )


def load_written(folder: Path) -> Callable[[Tensor], Tensor]:
    """The network that the written `model.py` loads with the written weights."""
    network: Callable[[Tensor], Tensor] = _module(folder / MODEL).load()
    return network


def _module(path: Path) -> ModuleType:
    """Run a written file as a module, without leaving bytecode beside it."""
    module = ModuleType(f"nas_export_{secrets.token_hex(4)}")
    module.__file__ = str(path)
    namespace: dict[str, Any] = vars(module)
    # timm looks its models' module up by name while they are registered.
    sys.modules[module.__name__] = module
    try:
        with warnings.catch_warnings():
            # Exporting twice registers the name twice.
            warnings.filterwarnings("ignore", "Overwriting .* in registry", UserWarning)
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    finally:
        del sys.modules[module.__name__]
    return module
