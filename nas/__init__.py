"""compound-nas: search a network family for a FLOPs budget, fit how it scales, and take it out."""

from pathlib import Path as _Path

__version__ = "0.1.0"

# An uninstalled checkout keeps `search_spaces/` and `scaling/` beside `nas/`; installed, they are
# inside it. Either way they are imported as `nas.search_spaces` and `nas.scaling`.
if not (_Path(__path__[0]) / "search_spaces").is_dir():
    __path__.append(str(_Path(__path__[0]).resolve().parent))
