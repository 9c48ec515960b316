"""The JSON file that marks a folder as one of ours, and says of which kind and schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nas.errors import RunError


def read_marker(
    marker: Path, *, kind: str, newest_schema: int, missing: str, foreign: str
) -> dict[str, Any]:
    """The marker's content, of schema `newest_schema` at most.

    Raises: RunError if it is missing (with `missing`), unreadable, newer than this version, or of
    another kind (with the file's name and `foreign`).
    """
    try:
        document: Any = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(missing) from None
    except (OSError, ValueError) as error:
        raise RunError(f"{marker} cannot be read ({error}); restore it, or start anew") from None
    if not isinstance(document, dict) or document.get("kind") != kind:
        raise RunError(f"{marker} {foreign}")
    schema = document.get("schema")
    if not isinstance(schema, int) or schema > newest_schema:
        raise RunError(
            f"{marker} has schema {schema}, newer than the {newest_schema} that this version "
            "reads; upgrade compound-nas"
        )
    return document
