"""What a report has nothing to show for, and the commands that would fill it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.located import located
from nas.references import REFERENCES
from nas.report.choices import CommonChoices
from nas.report.importance import LEAST_NETWORKS, Importance
from nas.report.nearby import Fit, Nearby
from nas.report.searched import Searched
from nas.report.studied import Studied
from nas.training.job import WEIGHTS


@dataclass(frozen=True)
class Absent:
    """What a page leaves out, and the command that would fill it."""

    what: str
    command: str


def absent_parts(
    folder: Path,
    search: Searched | None,
    nearby: Nearby,
    shown: Importance | None,
    common: CommonChoices | None,
    has_latency: bool,
) -> list[Absent]:
    """What a report on `folder` has nothing to show for."""
    missing: list[Absent] = []
    if search is None:
        baseline, data = _baseline_alone(nearby), _data_alone(nearby)
        missing.append(Absent("a search and what it found", "nas search --target-flops 400M"))
    else:
        baseline, data = str(search.folder), search.config.images or "DIR"
        missing += _absent_of_search(search, shown, common)
        if search.found is None:
            # The rest begins with a found network.
            return missing
    if search is not None and nearby.trust is None:
        if search.config.data is None:
            command = "nas search --data DIR --target-flops 50M"
            missing.append(Absent("a trust report, which retrains what a search trained", command))
        else:
            missing.append(Absent("a trust report", _line("nas trust", baseline)))
    if not nearby.fits:
        fit = _line("nas fit-scaling --baseline", baseline, "--data", data)
        missing.append(Absent("a scaling fit", fit))
    if not nearby.studies:
        study = _line("nas study scaling --baseline", baseline, "--data", data)
        missing.append(Absent("a scaling study: curves by dimension and compound", study))
    if not nearby.families:
        fitted = ["--coefficients", str(nearby.fits[0].folder)] if nearby.fits else []
        family = _line("nas family --baseline", baseline, *(fitted if search is None else ()))
        missing.append(Absent("a family", family))
    if not nearby.trainings:
        missing.append(Absent("trained weights", _line("nas train", baseline, "--data", data)))
    if not has_latency:
        command = _line("nas latency measure", baseline)
        command += f" --json > {shlex.quote(str(folder / 'latency.json'))}"
        missing.append(Absent("latency", command))
    return missing


def _baseline_alone(nearby: Nearby) -> str:
    """What to type for the network of a folder without a search."""
    weights = [one.folder / WEIGHTS for one in nearby.trainings if one.result.get("weights")]
    if weights:
        return str(weights[0])
    name = next((one.config.baseline.name for one in _scaled(nearby)), "")
    return name if name in REFERENCES else "ARCH"


def _scaled(nearby: Nearby) -> tuple[Fit | Studied, ...]:
    return (*nearby.fits, *nearby.studies)


def _data_alone(nearby: Nearby) -> str:
    named = [(one.config.data, one.config.data_path) for one in _scaled(nearby)]
    named += [(one.record.get("data"), one.record.get("data_path")) for one in nearby.trainings]
    return next((located(data, path) for data, path in named if data), "DIR")


def _absent_of_search(
    search: Searched, shown: Importance | None, common: CommonChoices | None
) -> list[Absent]:
    missing = []
    more = _with_trials(search, max(2 * LEAST_NETWORKS, 2 * search.config.trials))
    if search.found is None:
        unfinished = not search.status.state.startswith("finished")
        again = search.command if unfinished else more
        missing.append(Absent("a found network: none at or below the target is judged", again))
    if shown is None or common is None:
        judged = len(search.judged)
        what = "what mattered" if shown is None else ""
        what += " and " if shown is None and common is None else ""
        what += "what the good networks share" if common is None else ""
        missing.append(
            Absent(
                f"{what}: {judged} judged networks are too few (or too alike) to tell; "
                f"{LEAST_NETWORKS} or more would do",
                more,
            )
        )
    return missing


def _with_trials(search: Searched, trials: int) -> str:
    """The command that goes on with the search, to so many evaluations."""
    without = re.sub(r" --trials[ =]\d+", "", search.command)
    place = "" if "--out" in without else _line(" --out", search.folder)
    return f"{without}{place} --trials {trials}"


def _line(start: str, *words: Any) -> str:
    return f"{start} {shlex.join(map(str, words))}"
