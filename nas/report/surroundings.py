"""Where a report's numbers are from: commands, versions, machines."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.pipeline.folder import is_pipeline, read_state
from nas.report.nearby import Nearby
from nas.report.searched import Searched
from nas.runs.machine import described, machine

NOT_RECORDED = "not recorded: made by an older version, or by hand"


@dataclass(frozen=True)
class Command:
    """What was typed, and what it made. line: empty where it is not recorded."""

    line: str
    made: str
    when: str = ""


def commands(folder: Path, search: Searched | None, nearby: Nearby) -> list[Command]:
    """The commands that made what is shown, in the order in which they are run."""
    made = [_of(record, what) for what, record in _records(search, nearby)]
    if not is_pipeline(folder):
        return made
    # The plan's stages tell their own, and what was made beside them is in the folder too.
    stages = _of_pipeline(folder)
    told = {"", *(one.line for one in stages)}
    return stages + [one for one in made if one.line not in told]


def _records(search: Searched | None, nearby: Nearby) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was made -> the record that its folder keeps, in the order in which they are made."""
    if search is not None:
        yield f"the search in {search.folder}", search.record
    if nearby.trust is not None:
        yield "the trust report", nearby.trust
    for fit in nearby.fits:
        yield f"the scaling fit in {fit.folder}", fit.record
    for study in nearby.studies:
        yield f"the scaling study in {study.folder}", study.record
    for family in nearby.families:
        yield f"the family in {family.folder}", family.record
    for one in nearby.trainings:
        yield f"the training in {one.folder}", one.record


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
    line = str(record.get("command", ""))
    said = made if line else f"{made}: its command is {NOT_RECORDED}"
    return Command(line, said, str(record.get("created", "")))


def recorded_versions(search: Searched | None, nearby: Nearby) -> dict[str, dict[str, str]]:
    """Where -> package -> version, of each record that differs from those before it."""
    found: dict[str, dict[str, str]] = {}
    for where, record in _records(search, nearby):
        versions = {str(k): str(v) for k, v in dict(record.get("versions", {})).items()}
        if versions and versions not in found.values():
            found[where] = versions
    return found


def recorded_machines(search: Searched | None, nearby: Nearby) -> dict[str, str]:
    """Machine in words -> what was begun on it: one for each that a record names."""
    found: dict[str, list[str]] = {}
    for where, record in _records(search, nearby):
        known = record.get("machine")
        said = described(known) if isinstance(known, dict) else NOT_RECORDED
        found.setdefault(said, []).append(where)
    return {said: ", ".join(places) for said, places in found.items()}


def this_machine() -> str:
    """The machine that writes the report, which need not be one of those."""
    return described(machine())
