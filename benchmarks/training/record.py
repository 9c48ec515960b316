"""A measurement's record: where it was taken, and its rows so far, written after each.

A row is measured once: a script that is started again with the same record goes on with what lacks.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nas.files import write_text_atomic

MINUTES = 9.0
"""Length of a piece where nothing else is said: machines are lent for ten minutes at a time."""


class Record:
    """Rows of figures in a JSON file, found by their settings."""

    def __init__(self, path: Path | None, module: str, arguments: list[str], **plan: Any) -> None:
        self.path = path
        self._began = time.monotonic()
        fresh = {"command": shlex.join(["python", "-m", module, *arguments])}
        self.document: dict[str, Any] = {**fresh, **surroundings(), "plan": plan, "rows": []}
        if path is not None and path.exists():
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if found["plan"] != json.loads(json.dumps(plan)):
                sys.exit(f"{path} is of another plan: {found['plan']}; choose another file")
            if found["hardware"] != self.document["hardware"]:
                sys.exit(f"{path} is of other hardware: {found['hardware']}; choose another file")
            self.document = {**found, **fresh}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows so far."""
        rows: list[dict[str, Any]] = self.document["rows"]
        return rows

    def has(self, settings: Mapping[str, Any]) -> bool:
        """Whether a row of these settings has been measured."""
        return any(all(row.get(k) == v for k, v in settings.items()) for row in self.rows)

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row and write the file."""
        self.rows.append(row)
        self.document["seconds"] = round(
            self.document.get("seconds", 0.0) + time.monotonic() - self._began, 1
        )
        self._began = time.monotonic()
        self.save()

    def save(self) -> None:
        """Write the file, a row to a line."""
        if self.path is None:
            return
        rows = ",\n".join("  " + json.dumps(row) for row in self.rows)
        rest = {name: value for name, value in self.document.items() if name != "rows"}
        head = json.dumps(rest, indent=1).removesuffix("\n}")
        write_text_atomic(self.path, f'{head},\n "rows": [\n{rows}\n ]\n}}\n')


def surroundings() -> dict[str, Any]:
    """What the figures depend on."""
    names = ("torch", "torchvision", "timm")
    versions = {"python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in names}
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "hardware": hardware(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def hardware() -> str:
    """The device that trains, in words."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    model = platform.machine()
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        lines = cpu.read_text().splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
    return f"CPU: {model}, {torch.get_num_threads()} of {os.cpu_count()} cores"


def _commit() -> str:
    """The commit measured, marked where files differ from it; "unknown" outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
