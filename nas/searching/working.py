"""One search in its folder: checked, held while it works, its results written."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from nas.ray_workers import RaySettings
from nas.runs.data_record import keep_data
from nas.runs.folder import working_run
from nas.runs.records import Run
from nas.searching.config import SearchConfig
from nas.searching.device_tables import keep_tables
from nas.searching.loop import Outcome
from nas.searching.optuna_samplers import check_sampler
from nas.searching.problem import Problem, load_problem
from nas.searching.progress import search_progress
from nas.searching.results import SearchResult
from nas.searching.run import make_search, save_result
from nas.searching.warm_start import warm_start_answers


@contextlib.contextmanager
def opened_search(
    config: SearchConfig, out: Path | None, command: str
) -> Iterator[tuple[Problem, Run]]:
    """Check a search and hold its run folder (None: the one that `choose_folder` finds).

    command: how the search was asked for, as recorded.
    Raises: NasError for what cannot be, before there is a folder; RunError for a folder in use or
    of another search.
    """
    check_sampler(config.sampler)
    problem = load_problem(config)
    warm_start_answers(problem)  # what it refuses should leave no run folder behind
    with working_run(config, out, command) as run:
        problem = replace(problem, config=replace(problem.config, data=run.config.data))
        if problem.data is not None:
            keep_data(run.folder, problem.data)
        keep_tables(run.folder, problem.tables)
        yield problem, run


def execute_search(
    problem: Problem,
    run: Run,
    *,
    workers: int,
    ray: RaySettings | None = None,
    quiet: bool = False,
    interrupted: Callable[[int], None] = lambda evaluations: None,
) -> tuple[SearchResult, Outcome]:
    """Search on, with progress on stderr, and write the results.

    interrupted: hears how many evaluations are saved when Ctrl-C comes, which then passes.
    Raises: NasError if the evaluator cannot work or the storage refuses.
    """
    with search_progress(
        problem.config.trials, problem.config.target_flops, quiet, workers
    ) as observe:
        search = make_search(problem, run, workers, observe, ray)
        try:
            # What evaluators and engines print is no part of the result.
            with contextlib.redirect_stdout(sys.stderr):
                outcome = search.execute()
        except KeyboardInterrupt:
            interrupted(search.ledger.evaluations)
            raise
    return save_result(problem, run, outcome), outcome
