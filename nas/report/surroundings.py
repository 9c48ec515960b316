"""Where a report's numbers are from: commands, versions, the machine."""

from __future__ import annotations

import os
import platform
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.pipeline.folder import is_pipeline, read_state
from nas.report.nearby import Nearby
from nas.report.searched import Searched


@dataclass(frozen=True)
class Command:
    """What was typed, and what it made. line: empty where it is not recorded."""

    line: str
    made: str
    when: str = ""


def commands(folder: Path, search: Searched | None, nearby: Nearby) -> list[Command]:
    """The commands that made what is shown, in the order in which they are run."""
    if is_pipeline(folder):
        return _of_pipeline(folder)
    found = []
    if search is not None:
        found.append(_of(search.record, f"the search in {search.folder}"))
    if nearby.trust is not None:
        found.append(Command("", "the trust report: `nas trust` does not record its flags"))
    found += [_of(fit.record, f"the scaling fit in {fit.folder}") for fit in nearby.fits]
    found += [
        Command("", f"the family in {family.folder}: `nas family` does not record its flags")
        for family in nearby.families
    ]
    found += [_of(one.record, f"the training in {one.folder}") for one in nearby.trainings]
    return found


def _of_pipeline(folder: Path) -> list[Command]:
    """The plan's command, then each stage's."""
    state = read_state(folder)
    found = [_of(state, f"everything in {folder}, by its plan.toml")]
    for stage, record in state["stages"].items():
        found += [
            Command(
                shlex.join(["nas", *map(str, arguments)]),
                f"stage {stage}, in {record['place']}",
                str(record.get("started", "")),
            )
            for arguments in record.get("commands", ())
        ]
    return found


def _of(record: dict[str, Any], made: str) -> Command:
    return Command(str(record.get("command", "")), made, str(record.get("created", "")))


def recorded_versions(search: Searched | None, nearby: Nearby) -> dict[str, dict[str, str]]:
    """Where -> package -> version, of each record that differs from those before it."""
    records = [] if search is None else [("the search", search.record)]
    records += [(f"the fit in {fit.folder}", fit.record) for fit in nearby.fits]
    records += [(f"the training in {one.folder}", one.record) for one in nearby.trainings]
    found: dict[str, dict[str, str]] = {}
    for where, record in records:
        versions = {str(k): str(v) for k, v in dict(record.get("versions", {})).items()}
        if versions and versions not in found.values():
            found[where] = versions
    return found


def this_machine() -> dict[str, str]:
    """The machine that writes the report, which need not be the one that searched."""
    found = {"processor": _processor(), "cores": str(os.cpu_count() or "not known")}
    memory = _memory_bytes()
    if memory is not None:
        found["memory"] = f"{memory / 2**30:.1f} GiB"
    gpus = _gpus()
    found["GPUs"] = ", ".join(gpus) if gpus else "none seen"
    found["system"] = platform.platform()
    return found


def _processor() -> str:
    from nas.latency.machine import processor_name

    return processor_name()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _gpus() -> list[str]:
    """Models of NVIDIA's GPUs as its driver tells them; importing torch for them takes seconds."""
    found = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found
