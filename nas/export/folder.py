"""The folder of an export: filled beside, then renamed, so that it is there whole or not at all."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nas.errors import WriteError
from nas.export.errors import ExportError
from nas.files import make_folder

CONFIG = "config.json"
FORMAT = "compound-nas export"
# What running the exported code leaves there.
_BYPRODUCTS = ("__pycache__",)


def check_free(folder: Path, digest: str, target: str) -> None:
    """Refuse a folder that holds anything but an earlier export of the same network.

    Raises: ExportError, in one line, saying what is there.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder; choose another --out")
    present = {path.name for path in folder.iterdir()}
    if not present:
        return
    earlier = _earlier(folder)
    if earlier is None:
        raise ExportError(f"{folder} is there and is no export; choose another --out")
    if (earlier.get("digest"), earlier.get("target")) != (digest, target):
        raise ExportError(
            f"{folder} holds another export ({earlier.get('name')}, --to {earlier.get('target')}); "
            "choose another --out"
        )
    foreign = sorted(present.difference(earlier.get("files", ()), (CONFIG,), _BYPRODUCTS))
    if foreign:
        raise ExportError(
            f"{folder} holds '{foreign[0]}' beside the earlier export, which would be lost; move "
            "it, or choose another --out"
        )


@contextmanager
def filled_beside(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place where the body ends without an error.

    Raises: WriteError, in one line, if a folder cannot be made or renamed.
    """
    target = folder.resolve()
    make_folder(target.parent)
    token = secrets.token_hex(4)
    neighbour = target.with_name(f".{target.name[:100]}.{token}.tmp")
    retired = target.with_name(f".{target.name[:100]}.{token}.old")
    make_folder(neighbour)
    try:
        yield neighbour
        try:
            if target.exists():
                target.rename(retired)
            neighbour.rename(target)
        except OSError as error:
            if retired.exists() and not target.exists():
                retired.rename(target)
            reason = error.strerror or type(error).__name__
            raise WriteError(f"cannot write {folder}: {reason}; choose another --out") from None
    finally:
        shutil.rmtree(neighbour, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def _earlier(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None
