from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable

import pytest
import torch

from nas.spec import ArchSpec


@pytest.fixture
def images() -> Callable[..., torch.Tensor]:
    """Random images of a network's size."""

    def make(arch: ArchSpec, count: int = 3) -> torch.Tensor:
        source = torch.Generator().manual_seed(5)
        shape = (count, arch.in_channels, arch.resolution, arch.resolution)
        return torch.randn(shape, generator=source)

    return make


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], object]:
    """Import an export's `model.py` as a user would, by its name."""

    def load(folder: object) -> object:
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, "model", raising=False)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        importlib.invalidate_caches()
        with warnings.catch_warnings():
            # The command's own check has registered the same name in this process.
            warnings.filterwarnings("ignore", "Overwriting .* in registry", UserWarning)
            module = importlib.import_module("model")
        monkeypatch.delitem(sys.modules, "model")
        sys.modules[module.__name__] = module
        return module

    return load
