"""What made a result whose own files hold no settings: the command, when, with what, on what."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from nas.files import write_text_atomic
from nas.runs.records import provenance

RECORD = "record.json"
SCHEMA = 1


def command_record(command: str) -> dict[str, Any]:
    """command, created, versions, machine: as other records have them."""
    now = datetime.datetime.now().astimezone()
    return {"command": command, "created": now.isoformat(timespec="seconds"), **provenance()}


def write_command_record(folder: Path, kind: str, command: str) -> None:
    """Leave `record.json` in a result's folder. Raises: WriteError."""
    document = {"schema": SCHEMA, "kind": kind, **command_record(command)}
    write_text_atomic(folder / RECORD, json.dumps(document, indent=2) + "\n")
