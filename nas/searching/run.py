"""One search from a checked problem to the files of its run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nas.errors import ConfigError
from nas.files import write_text_atomic
from nas.ray_workers import RaySettings
from nas.report.pareto import save_pareto
from nas.runs.records import Run
from nas.searching.finalists import with_measured
from nas.searching.loop import Observer, Outcome, Search, make_executor
from nas.searching.problem import Problem
from nas.searching.results import SearchResult, trials_csv
from nas.shared.database_url import is_shared
from nas.workers import visible_gpus

if TYPE_CHECKING:
    from nas.shared.driver import SharedSearch

    AnySearch = Search | SharedSearch


def make_search(
    problem: Problem,
    run: Run,
    workers: int,
    observe: Observer,
    ray: RaySettings | None = None,
) -> AnySearch:
    """One driver of a study that others may share, where the storage allows that, or the only one.

    Imports what is needed for that one only: a search without a database needs no SQLAlchemy.
    """
    if not problem.evaluator.cheap:
        _note_workers(run, workers, ray)
    if not is_shared(run.config.storage):
        return Search(problem, run, make_executor(problem, run, workers, ray=ray), observe)
    if ray is not None:
        raise ConfigError(
            "--ray and a --storage that drivers share are two ways to many machines; choose one"
        )
    if run.config.warm_start:
        raise ConfigError(
            "--warm-start is for a search with one driver; leave it out, or leave --storage out"
        )
    from nas.shared.driver import SharedSearch

    # Cheap evaluations are done in this process, where a second thread would gain nothing.
    threads = 1 if problem.evaluator.cheap else workers
    executors = [
        make_executor(problem, run, 1, number, together=threads) for number in range(threads)
    ]
    return SharedSearch(problem, run, executors, observe)


def _note_workers(run: Run, workers: int, ray: RaySettings | None) -> None:
    """Write for `nas status` what an evaluation takes: its GPUs, null where only Ray knows."""
    gpus = (1 if visible_gpus() else 0) if ray is None else ray.gpus_per_candidate
    document = {"workers": workers, "gpus": gpus}
    write_text_atomic(run.folder / "workers" / "workers.json", json.dumps(document) + "\n")


def save_result(problem: Problem, run: Run, outcome: Outcome) -> SearchResult:
    """Write best.json, trials.csv and pareto.png; best.json last, as the mark of a finished run."""
    result = with_measured(problem, outcome.trials)
    write_text_atomic(run.folder / "trials.csv", trials_csv(problem, outcome.trials))
    save_pareto(run.folder / "pareto.png", outcome.trials, result, problem.config.target_flops)
    document = result_document(result, run, outcome)
    write_text_atomic(run.folder / "best.json", json.dumps(document, indent=2) + "\n")
    return result


def result_document(result: SearchResult, run: Run, outcome: Outcome) -> dict[str, Any]:
    """What `best.json` holds and `--json` prints."""
    return {
        **result.to_dict(),
        "target_flops": run.config.target_flops,
        "stopped": outcome.stopped,
        "run": str(run.folder),
        "command": run.command,
    }
