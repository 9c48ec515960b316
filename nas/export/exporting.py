"""Export in one call: files written beside, checked against the network, then put in place."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nas.export.description import as_text, describe
from nas.export.folder import CONFIG, check_free, filled_beside
from nas.export.parity import Parity, compare
from nas.export.subject import Subject
from nas.export.written import Written
from nas.files import write_text_atomic

# By name, because torchvision and timm take seconds to import.
_TARGETS = {
    "pytorch": "nas.export.pytorch_target:write_pytorch",
    "timm": "nas.export.timm_target:write_timm",
    "torchvision": "nas.export.torchvision_target:write_torchvision",
    "onnx": "nas.export.onnx_target:write_onnx",
    "weights": "nas.export.pytorch_target:write_weights",
}
TARGETS = tuple(_TARGETS)


@dataclass(frozen=True)
class Export:
    """A finished export. files: name -> what it is for; notes: one line each."""

    folder: Path
    target: str
    files: Mapping[str, str]
    notes: tuple[str, ...]
    parity: Parity


def export(subject: Subject, target: str, folder: Path | None = None) -> Export:
    """Write `subject` for `target` into `folder` (NAME-TARGET here, where None).

    Raises: NasError, in one line, where the target cannot express the network, the folder is not
    free, or the written files do not compute the same; then nothing is left behind.
    """
    folder = folder or default_folder(subject, target)
    check_free(folder, subject.spec.digest(), target)
    module, _, function = _TARGETS[target].partition(":")
    write: Callable[[Subject, Path], Written] = getattr(importlib.import_module(module), function)
    with filled_beside(folder) as beside:
        written = write(subject, beside)
        parity = compare(subject.network, written.run, tolerance=written.tolerance)
        document = describe(subject, target, written.files, parity)
        write_text_atomic(beside / CONFIG, as_text(document))
    files = {
        **written.files,
        CONFIG: "class names, normalisation, resolution, the spec, this check",
    }
    return Export(folder, target, files, written.notes, parity)


def default_folder(subject: Subject, target: str) -> Path:
    """NAME-TARGET in the working folder, of letters that any file system takes."""
    return Path(f"{re.sub(r'[^A-Za-z0-9._+-]', '_', subject.name)[:80].lstrip('.')}-{target}")
