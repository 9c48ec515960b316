"""The tensors' names in another library, or the one line that says why there are none."""

from __future__ import annotations

from nas.blocks import BUILT_IN
from nas.errors import SpecError
from nas.export.errors import ExportError
from nas.export.keymaps import Library, key_map
from nas.spec import ArchSpec


def check_names(arch: ArchSpec, library: Library) -> None:
    """Check that every tensor of `arch` has a place in one of the library's classes.

    Raises: ExportError naming the part that has none, and the targets that are left.
    """
    try:
        key_map(arch, library)
    except SpecError as error:
        own = all(stage.block in BUILT_IN for stage in arch.stages)
        instead = "--to pytorch or --to onnx" if own else "--to onnx"
        raise ExportError(f"{error}; {instead} can express it") from None
