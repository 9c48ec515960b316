"""What `nas search` would do, told without doing it: nothing is written."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import NoStudyError
from nas.runs.records import choose_folder, recorded_run, study_name
from nas.runs.state import working_process
from nas.runs.status import Source, read_status
from nas.runs.study_reader import read_run_study
from nas.searching.problem import Problem
from nas.searching.search_cost import (
    Expected,
    asking_seconds,
    checkpoint_bytes,
    disk_bytes,
    evaluation_seconds,
)
from nas.shared.database_url import shown_url
from nas.space import random_network
from nas.space_statistics import SpaceSample, sample_space
from nas.units import format_count
from nas.workers import visible_gpus

SPACE_SAMPLES = 2000
BOUND_SAMPLES = 500


@dataclass(frozen=True)
class Forecast:
    """A search before it starts.

    within_bounds: the fraction of random networks that meet every bound; None without bounds.
    asking: seconds of the sampler. evaluation: seconds of one worker for one network.
    process: who works on the run folder now. study: where the study is, if in a database.
    kept: bytes of the checkpoints of the trainings under way.
    """

    space: SpaceSample
    within_bounds: float | None
    wanted: int
    done: int
    workers: int
    gpus: tuple[str, ...]
    in_process: bool
    evaluation: Expected
    asking: float
    bytes: int
    folder: Path
    goes_on: bool
    process: int | None
    study: str | None
    files: tuple[str, ...]
    kept: int = 0

    @property
    def remaining(self) -> int:
        """Evaluations that are still to be done."""
        return max(0, self.wanted - self.done)

    @property
    def seconds(self) -> float | None:
        """The whole search; None where nobody knows what an evaluation takes."""
        if self.remaining == 0:
            return 0.0
        if self.evaluation.seconds is None:
            return None
        judging = self.remaining * self.evaluation.seconds / self.workers
        # In this process one waits for the other; workers judge while the driver asks.
        return judging + self.asking if self.in_process else max(judging, self.asking)


def forecast(problem: Problem, out: Path | None, workers: int) -> Forecast:
    """Look ahead. Raises: RunError where the run folder would be refused."""
    config = problem.config
    folder = out or choose_folder(config, format_count(config.target_flops))
    recorded = recorded_run(folder, config)
    goes_on = recorded is not None
    if recorded is not None:
        # The same images, if typed otherwise: the study is named after what was typed first.
        problem = replace(problem, config=replace(config, data=recorded.config.data))
        config = problem.config
    done = _done(problem, folder, goes_on)
    cheap = problem.evaluator.cheap
    storage = config.storage
    return Forecast(
        space=sample_space(problem.space, samples=SPACE_SAMPLES, seed=config.seed),
        within_bounds=_within_bounds(problem),
        wanted=config.trials,
        done=done,
        workers=1 if cheap else workers,
        gpus=() if cheap else tuple(visible_gpus()),
        in_process=cheap,
        evaluation=evaluation_seconds(problem),
        asking=asking_seconds(problem, done, config.trials) if done < config.trials else 0.0,
        bytes=disk_bytes(problem, config.trials),
        folder=folder,
        goes_on=goes_on,
        process=working_process(folder),
        study=None if storage is None else f"{shown_url(storage)} study {study_name(config)}",
        files=_files(storage, cheap, workers, problem.data is not None),
        kept=0 if problem.data is None else checkpoint_bytes(problem) * workers,
    )


def _done(problem: Problem, folder: Path, goes_on: bool) -> int:
    config = problem.config
    if config.storage is None and not goes_on:
        return 0
    try:
        reader = read_run_study(folder, config)
    except NoStudyError:
        return 0
    return read_status(Source(str(folder), folder, config, reader)).evaluations


def _within_bounds(problem: Problem) -> float | None:
    if not problem.config.bounds:
        return None
    source = random.Random(problem.config.seed)
    met = 0
    for _ in range(BOUND_SAMPLES):
        arch, _suggest = random_network(problem.space, source)
        met += problem.meets_bounds(arch)
    return met / BOUND_SAMPLES


def _files(storage: str | None, cheap: bool, workers: int, data: bool) -> tuple[str, ...]:
    files = ["run.json", "best.json", "trials.csv", "pareto.png", "lock"]
    if storage is None:
        files.insert(1, "study.journal")
    if data:
        files += ["data.json", "data-manifest.csv.gz"]
    if not cheap:
        files += [
            "evaluator/",
            "workers/workers.json",
            *(f"workers/worker-{n}.log" for n in range(workers)),
        ]
        if workers > 1:
            files.append("pending.json")
    return tuple(files)
