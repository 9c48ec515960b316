"""What a run remembers of its stages: `state.json`, written whole at every change."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.files import make_folder, write_text_atomic
from nas.pipeline.folder import (
    EARLIER,
    LOCK,
    LOGS,
    PLAN,
    SCHEMA,
    STAGES,
    STATE,
    is_pipeline,
    read_state,
)
from nas.pipeline.plan import Plan
from nas.runs.records import is_leftover, provenance

# Options of a stage that change how it is done and not what it makes.
HARMLESS = frozenset({"device", "workers", "quiet", "ray", "gpus-per-candidate"})

FAILED = (1, 2)
"""Exit codes of a mistake of ours, and of bad input."""

# The file that a stage writes last, in its folder.
_RESULTS: Mapping[str, str] = {
    "search": "best.json",
    "trust": "trust.json",
    "retrain": "result.json",
    "fit-scaling": "coefficients.json",
    "family": "family.csv",
    "train": "result.json",
}


class Record:
    """The record of one run's folder.

    Raises: RunError if the folder holds something else, or its record is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._document: dict[str, Any] = read_state(folder) if is_pipeline(folder) else {}
        if not self._document:
            _check_free(folder)

    @property
    def begun(self) -> bool:
        """Whether there is a run here already."""
        return bool(self._document)

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage -> what is known of it, of the stages that have begun."""
        found: dict[str, dict[str, Any]] = self._document.get("stages", {})
        return found

    @property
    def working_folder(self) -> Path:
        """Where the run began: what relative paths in the plan are relative to."""
        return Path(self._document.get("working_folder", os.curdir)).resolve()

    def begin(self, plan: Plan, command: str) -> None:
        """Keep the plan, and make the record where there is none."""
        make_folder(self.folder / LOGS)
        if not self.begun:
            self._document = {
                "schema": SCHEMA,
                "kind": "pipeline",
                "command": command,
                "working_folder": str(Path.cwd()),
                "created": _now(),
                **provenance(),
                "stages": {},
            }
        if plan.text != self._kept_plan():
            write_text_atomic(self.folder / PLAN, plan.text)
        self._write()

    def start(self, stage: str, **known: Any) -> None:
        """A stage begins, or begins again: `known` are its place, options, commands, inputs."""
        before = self.stages.get(stage, {})
        self.stages[stage] = {
            **known,
            "started": before.get("started", _now()),
            "attempts": before.get("attempts", 0) + 1,
            "seconds": before.get("seconds", 0.0),
            "finished": None,
            "exit_code": None,
        }
        self._write()

    def end(self, stage: str, exit_code: int, seconds: float) -> None:
        """A stage has ended. seconds: of this attempt."""
        record = self.stages[stage]
        record["seconds"] = round(record["seconds"] + seconds, 3)
        record |= {"finished": _now(), "exit_code": exit_code}
        self._write()

    def done(self, stage: str) -> bool:
        """Whether a stage ended well and its result is still there."""
        record = self.stages.get(stage)
        if record is None or record["exit_code"] != 0:
            return False
        place = self.folder / str(record["place"])
        result = _RESULTS.get(stage)
        return (place if result is None else place / result).exists()

    def failed(self, stage: str) -> bool:
        """Whether a stage ended by an error of its own: not stopped, not killed."""
        record = self.stages.get(stage)
        return record is not None and record["exit_code"] in FAILED

    def retire(self, stages: tuple[str, ...]) -> Path | None:
        """Move the results and logs of `stages` to `earlier/N/`, where they have left any.

        A kill leaves a note in the record, and the next `finish_retiring` does the rest.
        """
        if not any(stage in self.stages for stage in stages):
            return None
        number = 1
        while (self.folder / EARLIER / str(number)).exists():
            number += 1
        self._document["retiring"] = {"stages": list(stages), "to": f"{EARLIER}/{number}"}
        self._write()
        return self.finish_retiring()

    def finish_retiring(self) -> Path | None:
        """Do what is left of a move that a kill has interrupted; where things went, if at all."""
        moving = self._document.get("retiring")
        if moving is None:
            return None
        to = self.folder / str(moving["to"])
        make_folder(to / LOGS)
        for stage in moving["stages"]:
            place = str(self.stages.get(stage, {}).get("place", ""))
            for name in filter(None, (place, f"{LOGS}/{stage}.log")):
                if (self.folder / name).exists():
                    # A place inside another (search/trust) may have gone with it.
                    target = to / (Path(name).name if name == place else name)
                    (self.folder / name).rename(target)
        for stage in moving["stages"]:
            self.stages.pop(stage, None)
        del self._document["retiring"]
        self._write()
        return to

    def _kept_plan(self) -> str | None:
        try:
            return (self.folder / PLAN).read_text(encoding="utf-8")
        except OSError:
            return None

    def _write(self) -> None:
        stages = {stage: self.stages[stage] for stage in STAGES if stage in self.stages}
        self._document["stages"] = stages
        text = json.dumps(self._document, indent=2) + "\n"
        write_text_atomic(self.folder / STATE, text)


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _check_free(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; --out must name a folder")
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    foreign = [n for n in names if n not in (PLAN, LOCK, LOGS) and not is_leftover(n)]
    if foreign:
        raise RunError(
            f"{folder} holds '{min(foreign)}' but no {STATE}, so it is no folder of `nas run`; "
            "choose another --out"
        )
