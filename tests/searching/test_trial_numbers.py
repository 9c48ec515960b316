"""Trials are called by the same numbers in a search's result, its files and its study."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from nas.runs.quiet import quiet_optuna
from nas.runs.records import StudyLog, open_run
from nas.runs.status import find_source, find_trial
from nas.searching.config import SearchConfig
from nas.searching.loop import Search
from nas.searching.problem import load_problem
from nas.searching.run import save_result
from nas.workers import Done, InProcess


class LastFirst(InProcess):
    """Three workers, of which the one that began last is done first."""

    capacity = 3

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Judge the newest task."""
        self._tasks.rotate(1)
        return super().wait(timeout)


def test_networks_that_finish_out_of_order_keep_one_number_everywhere(tmp_path: Path) -> None:
    config = SearchConfig(
        target_flops=400_000_000, evaluator="toys:Toy", trials=40, sampler="random"
    )
    problem = load_problem(config)
    run = open_run(tmp_path / "run", config, "nas search")
    outcome = Search(problem, run, LastFirst(problem.evaluator, config.seed)).execute()
    questions = [trial.user_attrs["question"] for trial in outcome.trials]
    assert questions != sorted(questions), "nothing finished out of order: this tests nothing"
    assert [trial.number for trial in outcome.trials] == list(range(len(outcome.trials)))
    with quiet_optuna():
        kept = StudyLog(run, problem.directions).trials()
    assert [(t.number, t.params, t.values) for t in kept] == [
        (t.number, t.params, t.values) for t in outcome.trials
    ]
    save_result(problem, run, outcome)
    best = json.loads((run.folder / "best.json").read_text())["best"]
    shown = find_trial(find_source(str(run.folder)), best["trial"])
    assert shown.user_attrs["digest"] == problem.rebuild(best["params"]).digest()
    with (run.folder / "trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row, trial in zip(rows, kept, strict=True):
        assert (row["trial"], row["digest"]) == (str(trial.number), trial.user_attrs["digest"])
    # A resumed search calls them the same.
    again = Search(problem, run, LastFirst(problem.evaluator, config.seed)).execute()
    assert [(t.number, t.params) for t in again.trials] == [(t.number, t.params) for t in kept]
