"""compound-nas: search a network family for a FLOPs budget, fit how it scales, and take it out."""

from importlib import import_module as _import_module
from pathlib import Path as _Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# An uninstalled checkout keeps `search_spaces/` and `scaling/` beside `nas/`; installed, they are
# inside it. Either way they are imported as `nas.search_spaces` and `nas.scaling`.
if not (_Path(__path__[0]) / "search_spaces").is_dir():
    __path__.append(str(_Path(__path__[0]).resolve().parent))

# The Python API. Imported when it is first used: `import nas` must not wait for torch.
_LAZY = {
    "Comparison": "comparing",
    "Family": "families",
    "MeasuredAccuracy": "training",
    "ScalingFit": "fitting",
    "SearchResult": "searching",
    "TrainingResult": "training",
    "build": "networks",
    "compare": "comparing",
    "cost_of": "networks",
    "evaluate": "training",
    "export_network": "exporting",
    "family": "families",
    "fit_scaling": "fitting",
    "load": "networks",
    "scale": "networks",
    "search": "searching",
    "train": "training",
}
"""Name -> its file in nas/api/. None of them is also a module of `nas`."""

if TYPE_CHECKING:
    from nas.api.comparing import Comparison, compare
    from nas.api.exporting import export_network
    from nas.api.families import Family, family
    from nas.api.fitting import ScalingFit, fit_scaling
    from nas.api.networks import build, cost_of, load, scale
    from nas.api.searching import SearchResult, search
    from nas.api.training import MeasuredAccuracy, TrainingResult, evaluate, train
    from nas.errors import NasError
else:

    def __getattr__(name: str) -> object:
        if name == "NasError":
            from nas.errors import NasError

            return NasError
        if name not in _LAZY:
            raise AttributeError(f"module 'nas' has no attribute '{name}'")
        found = getattr(_import_module(f"nas.api.{_LAZY[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Comparison",
    "Family",
    "MeasuredAccuracy",
    "NasError",
    "ScalingFit",
    "SearchResult",
    "TrainingResult",
    "__version__",
    "build",
    "compare",
    "cost_of",
    "evaluate",
    "export_network",
    "family",
    "fit_scaling",
    "load",
    "scale",
    "search",
    "train",
]
