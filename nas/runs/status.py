"""Where a search stands, read from its study alone: no space, evaluator or sampler is loaded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import RunError
from nas.runs.finding import search_folder
from nas.runs.records import read_run
from nas.runs.reports import ReportFolder
from nas.runs.state import working_process
from nas.runs.study_reader import StudyReader, read_database_study, read_run_study
from nas.searching.config import SearchConfig
from nas.searching.ledger import Ledger
from nas.searching.results import pareto_front
from nas.searching.time_left import Pace, recent_pace
from nas.shared.claims import is_claim, settled
from nas.shared.database_url import shown_url

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

TOP = 10
# What `nas.searching.loop` calls the ordinary end.
ALL_DONE = "all evaluations done"


@dataclass(frozen=True)
class Source:
    """What a person asked about: a run folder, or a database that drivers share.

    config is None for a study whose settings are nowhere recorded. `reader` is None where nothing
    is recorded yet.
    """

    label: str
    folder: Path | None
    config: SearchConfig | None
    reader: StudyReader | None

    @property
    def target_flops(self) -> int | None:
        """T; None where nothing says."""
        if self.config is not None:
            return self.config.target_flops
        named = self.reader.named_for() if self.reader is not None else None
        return None if named is None else named[1]

    def trials(self) -> list[FrozenTrial]:
        """Every trial, under way or finished."""
        return [] if self.reader is None else self.reader.trials()


def find_source(asked: str | None, study: str | None = None) -> Source:
    """The search of a run folder, of a name below runs/, of a URL, or of the newest run.

    Raises: RunError if there is no such run, or it cannot be read.
    """
    if asked is not None and "://" in asked:
        reader = read_database_study(asked, study)
        return Source(f"{shown_url(asked)} study {reader.name}", None, reader.config(), reader)
    folder = search_folder(None if asked is None else Path(asked))
    if not folder.is_dir():
        raise RunError(f"there is no run {asked}; name a run folder, or a database by its URL")
    config = read_run(folder).config
    return Source(str(folder), folder, config, read_run_study(folder, config))


@dataclass(frozen=True)
class Status:
    """A search as it stands.

    best, top: trials at or below the target by accuracy (or score), best first. failures: reason ->
    the trials. seconds: spent on evaluations, summed over workers. gpus: GPUs that an evaluation
    has; None where that is not known. wanted, pace: None where not known. pruned: trainings that
    were stopped as hopeless. trainings: those under way, with their last epoch.
    """

    source: Source
    state: str
    evaluations: int
    wanted: int | None
    refused: int
    repeats: int
    failures: dict[str, list[int]]
    seconds: float
    gpus: float | None
    pace: Pace | None
    top: list[FrozenTrial]
    pareto: list[FrozenTrial]
    under_way: list[dict[str, Any]]
    pruned: int = 0
    trainings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds_left(self) -> float | None:
        """Until the wanted evaluations are done at the recent pace; None where not known."""
        if self.wanted is None or self.pace is None:
            return None
        return max(0, self.wanted - self.evaluations) * self.pace.seconds_per_evaluation


def read_status(source: Source) -> Status:
    """Read the study once. Raises: RunError where that is not possible."""
    trials = source.trials()
    finished = [counted for counted in map(settled, trials) if counted is not None]
    ledger = Ledger()
    for trial in finished:
        ledger.note(trial)
    paid = sorted(ledger.judged.values(), key=lambda trial: trial.number)
    judged = [trial for trial in paid if not {"error", "pruned"} & set(trial.user_attrs)]
    target = source.target_flops
    within = [t for t in judged if target is None or t.user_attrs["flops"] <= target]
    failures: dict[str, list[int]] = {}
    for trial in paid:
        if "error" in trial.user_attrs:
            failures.setdefault(trial.user_attrs["error"], []).append(trial.number)
    marks = Counter(
        mark for t in finished for mark in ("refused", "repeat_of") if mark in t.user_attrs
    )
    wanted = None if source.config is None else source.config.trials
    return Status(
        source=source,
        state=_state(source, len(paid), wanted, trials),
        evaluations=len(paid),
        wanted=wanted,
        refused=marks["refused"],
        repeats=marks["repeat_of"],
        failures=failures,
        seconds=sum(float(trial.user_attrs.get("seconds", 0.0)) for trial in paid),
        gpus=_gpus(source.folder),
        pace=recent_pace(finished, {trial.number for trial in paid}),
        top=sorted(within, key=lambda t: (-figure(t), t.user_attrs["flops"], t.number))[:TOP],
        pareto=pareto_front(judged),
        under_way=_under_way(source, trials),
        pruned=sum("pruned" in trial.user_attrs for trial in paid),
        trainings=_trainings(source),
    )


def figure(trial: FrozenTrial) -> float:
    """The accuracy of a judged trial, or the score where there is none."""
    attrs = trial.user_attrs
    return float(attrs["accuracy"] if "accuracy" in attrs else attrs["score"])


def _state(
    source: Source, evaluations: int, wanted: int | None, trials: Sequence[FrozenTrial]
) -> str:
    process = None if source.folder is None else working_process(source.folder)
    if process is not None:
        return f"running (process {process})"
    if any(map(is_claim, trials)):
        return "running"
    if wanted is not None and evaluations >= wanted:
        return "finished"
    stopped = _stopped(source.folder)
    # Where more are wanted now than were then, the result is that of an earlier sitting.
    if stopped not in (None, ALL_DONE):
        return f"finished: {stopped}"
    return "not running; the same command goes on" if wanted is not None else "not running"


def _stopped(folder: Path | None) -> str | None:
    """Why a finished search stopped, in its own words; None where it did not finish."""
    if folder is None:
        return None
    try:
        document = json.loads((folder / "best.json").read_text())
    except (OSError, ValueError):
        return None
    stopped = document.get("stopped") if isinstance(document, dict) else None
    return stopped if isinstance(stopped, str) else None


def _gpus(folder: Path | None) -> float | None:
    if folder is None:
        return None
    try:
        return float(json.loads((folder / "workers" / "workers.json").read_text())["gpus"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _under_way(source: Source, trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    """Networks that are being judged: number and parameters.

    A single driver writes them to pending.json if it has several workers; with one worker it keeps
    the one it is at to itself. Drivers that share a database claim them there.
    """
    found = [{"trial": t.number, "params": dict(t.params)} for t in trials if is_claim(t)]
    if source.folder is None or working_process(source.folder) is None:
        return found
    try:
        pending = json.loads((source.folder / "pending.json").read_text())
        known = {trial.user_attrs.get("question") for trial in trials}
        asked = [(entry["question"], dict(entry["params"])) for entry in pending]
    except (OSError, ValueError, KeyError, TypeError):
        return found
    return found + [{"question": q, "params": params} for q, params in asked if q not in known]


def _trainings(source: Source) -> list[dict[str, Any]]:
    """Networks in training: digest, last epoch, accuracy after it; as their workers report."""
    if source.folder is None or working_process(source.folder) is None:
        return []
    reports = ReportFolder(source.folder / "reports")
    found = []
    for digest in reports.digests():
        epochs = reports.read(digest)
        if epochs:
            last = max(epochs)
            found.append({"digest": digest, "epoch": last, "accuracy": epochs[last]})
    return found


def find_trial(source: Source, number: int) -> FrozenTrial:
    """One trial. Raises: RunError if the study has none of that number."""
    trials = source.trials()
    for trial in trials:
        if trial.number == number:
            return trial
    last = f"its trials are 0 to {trials[-1].number}" if trials else "it has none yet"
    raise RunError(f"{source.label} has no trial {number}; {last}")
