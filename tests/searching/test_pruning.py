"""Trainings tell their epochs, the hopeless ones are stopped: paid for, without an accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
import toys

from nas.errors import ConfigError
from nas.evaluators.base import EvaluationContext
from nas.runs.records import open_run
from nas.runs.reports import ReportFolder
from nas.runs.status import find_source, read_status
from nas.searching.config import SearchConfig
from nas.searching.loop import Outcome, Search, make_executor
from nas.searching.problem import Problem, load_problem
from nas.searching.pruning import Listener, make_pruner
from nas.searching.results import summarise, trials_csv
from nas.workers import InProcess

PRUNED = optuna.trial.TrialState.PRUNED
TRIALS = 24


def config_of(**changes: Any) -> SearchConfig:
    settings: dict[str, Any] = {
        "target_flops": 400_000_000,
        "evaluator": "toys:Epochs",
        "sampler": "random",
        "trials": TRIALS,
        "pruner": "median",
        "evaluator_options": (("epochs", 8),),
    }
    return SearchConfig(**{**settings, **changes})


def search_here(folder: Path, config: SearchConfig) -> tuple[Problem, Outcome]:
    """In this process, where reports come directly."""
    problem, run = load_problem(config), open_run(folder, config, "nas search")
    executor = InProcess(problem.evaluator, config.seed)
    context = EvaluationContext(
        problem.space, config.seed, options=config.options, report=executor.report
    )
    problem.evaluator.prepare(context)
    return problem, Search(problem, run, executor).execute()


def search_by_worker(folder: Path, config: SearchConfig) -> tuple[Problem, Outcome]:
    """In a worker process, where they come by files."""
    problem, run = load_problem(config), open_run(folder, config, "nas search")
    return problem, Search(problem, run, make_executor(problem, run, 1)).execute()


def pruned(outcome: Outcome) -> dict[str, tuple[int, float]]:
    attrs = [t.user_attrs for t in outcome.trials if "pruned" in t.user_attrs]
    return {a["digest"]: (a["pruned"], a["last_accuracy"]) for a in attrs}


@pytest.mark.parametrize("name", ["median", "hyperband", "patient"])
def test_a_pruner_stops_the_hopeless_and_pays_for_fewer_epochs(tmp_path: Path, name: str) -> None:
    problem, outcome = search_here(tmp_path / "run", config_of(pruner=name))
    stopped = [t for t in outcome.trials if "pruned" in t.user_attrs]
    # These toys get better with every epoch, so patience never runs out.
    assert bool(stopped) == (name != "patient")
    if name == "median":
        paid = [t for t in outcome.trials if "repeat_of" not in t.user_attrs][8:]
        hopeless = [t for t in paid if toys.Epochs().hopeless(problem.rebuild(t.params))]
        assert hopeless
        assert all("pruned" in t.user_attrs for t in hopeless)
    assert outcome.evaluations == TRIALS
    assert all(t.state == PRUNED and "accuracy" not in t.user_attrs for t in stopped)
    assert all(1 <= t.user_attrs["pruned"] < 8 for t in stopped)
    assert all(max(t.intermediate_values) == t.user_attrs["pruned"] for t in stopped)
    result = summarise(problem, outcome.trials)
    assert (result.pruned, result.failed) == (len(stopped), 0)
    assert result.best is not None
    assert result.best.accuracy == max(
        t.user_attrs.get("accuracy", 0)
        for t in outcome.trials
        if t.user_attrs["flops"] <= 400_000_000
    )


def test_without_a_pruner_every_epoch_is_in_the_study_and_nothing_is_stopped(
    tmp_path: Path,
) -> None:
    _, outcome = search_here(tmp_path / "run", config_of(pruner="none", trials=6))
    judged = [t for t in outcome.trials if "accuracy" in t.user_attrs]
    assert len(judged) == 6
    for trial in judged:
        assert list(trial.intermediate_values) == list(range(1, 9))
        assert trial.intermediate_values[8] == pytest.approx(trial.values[0])
    stored = find_source(str(tmp_path / "run")).trials()
    assert [t.intermediate_values for t in stored if t.intermediate_values] == [
        t.intermediate_values for t in judged
    ]


def test_a_worker_process_is_told_by_files_what_is_told_directly_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    _, here = search_here(tmp_path / "here", config_of(trials=12))
    _, there = search_by_worker(tmp_path / "there", config_of(trials=12))
    assert pruned(here)
    assert pruned(there) == pruned(here)
    assert [t.intermediate_values for t in there.trials] == [
        t.intermediate_values for t in here.trials
    ]
    assert not (tmp_path / "there" / "reports").exists()


def test_a_stopped_network_is_not_asked_again_and_counts_in_status_and_table(
    tmp_path: Path,
) -> None:
    config = config_of(space="toys:TinySpace", target_flops=360_000_000, trials=30)
    problem, outcome = search_here(tmp_path / "run", config)
    stopped = pruned(outcome)
    assert stopped
    assert outcome.evaluations == 12
    paid = [t for t in outcome.trials if t.user_attrs["digest"] in stopped]
    assert sum("repeat_of" not in t.user_attrs for t in paid) == len(stopped)
    repeats = [t for t in paid if "repeat_of" in t.user_attrs]
    assert all(t.state == optuna.trial.TrialState.FAIL for t in repeats)
    status = read_status(find_source(str(tmp_path / "run")))
    assert (status.evaluations, status.pruned) == (12, len(stopped))
    assert {t.user_attrs["digest"] for t in status.top}.isdisjoint(stopped)
    header, *rows = trials_csv(problem, outcome.trials).splitlines()
    assert "pruned,last_accuracy" in header
    assert sum(",pruned," in row for row in rows) == len(stopped)


def test_a_resumed_search_hears_again_what_was_reported_before(tmp_path: Path) -> None:
    config = config_of(trials=12)
    problem = load_problem(config)
    reports = ReportFolder(tmp_path)
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    trial = study.ask()
    arch = problem.space.sample(trial)
    for epoch, value in ((1, 0.1), (2, 0.2), (2, 0.2)):
        reports.add(arch.digest(), epoch, value)
    Listener(problem, reports).follow(trial, arch, problem.figures(arch))
    assert study.trials[0].intermediate_values.keys() == {1, 2}
    assert reports.answered(arch.digest()) == (2, False)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'median'"):
        config_of(pruner="medain")
    with pytest.raises(ConfigError, match="needs one figure"):
        config_of(objectives=("accuracy", "flops"))
    with pytest.raises(ConfigError, match="does not train"):
        load_problem(config_of(evaluator="toys:Toy", evaluator_options=()))
    with pytest.raises(ConfigError, match="takes no --epochs"):
        load_problem(config_of(evaluator="toys:Toy", pruner="none"))
    assert isinstance(make_pruner("hyperband", None), optuna.pruners.HyperbandPruner)
