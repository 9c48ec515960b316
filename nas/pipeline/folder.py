"""The folder of a whole run, and where in it each stage works.

plan.toml        the plan, as it was given
state.json       what each stage was told, when it ran and how it ended
logs/STAGE.log   everything that the stage printed, each attempt under its command
search/, retrained/, fit/, family/, trained-b1/, exported/, report.html
earlier/1/       what was there before a `--redo`
lock             held by `nas run`, and by the stage that it started
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas.errors import RunError
from nas.runs.finding import PIPELINE, SEARCH
from nas.runs.marker import read_marker

STAGES = ("search", "trust", "retrain", "fit-scaling", "family", "train", "export", "report")
"""In the order in which they run."""

PLAN, STATE, LOGS, LOCK = "plan.toml", PIPELINE, "logs", "lock"

EARLIER = "earlier"
"""Below it, in a numbered folder each, what `--redo` has moved out of the way."""

SCHEMA = 1


def stage_place(stage: str, member: str) -> str:
    """The folder or file of a stage, relative to the run's folder; `trust` works in the search's.

    member: of the family, the one that the stage `train` trains.
    """
    return {
        "search": SEARCH,
        "trust": f"{SEARCH}/trust",
        "retrain": "retrained",
        "fit-scaling": "fit",
        "family": "family",
        "train": f"trained-{member}",
        "export": "exported",
        "report": "report.html",
    }[stage]


def is_pipeline(path: Path) -> bool:
    """Whether `nas run` made this folder."""
    return (path / STATE).is_file()


def stage_folders(path: Path) -> dict[str, Path]:
    """Stage -> its folder (or file), of the stages that have left something; in their order.

    Raises: RunError if `path` is no folder of `nas run`, or its record is damaged.
    """
    places = {
        stage: path / str(record["place"]) for stage, record in read_state(path)["stages"].items()
    }
    return {stage: places[stage] for stage in STAGES if stage in places and places[stage].exists()}


def read_state(path: Path) -> dict[str, Any]:
    """What `state.json` holds. Raises: RunError if it is missing, foreign or damaged."""
    marker = path / STATE
    document = read_marker(
        marker,
        kind="pipeline",
        newest_schema=SCHEMA,
        missing=f"{path} is no folder of `nas run`: it has no {STATE}",
        foreign="is not the record of a `nas run`; choose another folder",
    )
    stages = document.get("stages")
    whole = isinstance(stages, dict) and all(
        isinstance(record, dict) and "place" in record for record in stages.values()
    )
    if not whole:
        raise RunError(f"{marker} is damaged: it lacks the stages; restore it, or start anew")
    return document
