"""The search loop: nothing twice, nothing lost, and the same again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import toys

from nas.errors import ConfigError, EvaluationError, RunError
from nas.objective import Bound
from nas.runs.quiet import quiet_optuna
from nas.runs.records import Run, StudyLog, locked, open_run, read_run
from nas.searching.config import SearchConfig
from nas.searching.ledger import Ledger
from nas.searching.loop import DRY_TRIALS, Outcome, Search, make_executor
from nas.searching.problem import Problem, load_problem
from nas.searching.results import pareto_front, summarise
from nas.searching.run import save_result
from nas.workers import InProcess

SAMPLERS = ("architecture", "tpe", "nsga2", "random")


def config_of(**changes: Any) -> SearchConfig:
    settings: dict[str, Any] = {"target_flops": 400_000_000, "evaluator": "toys:Toy", "trials": 40}
    return SearchConfig(**{**settings, **changes})


def start(folder: Path, config: SearchConfig) -> tuple[Problem, Run]:
    return load_problem(config), open_run(folder, config, "nas search")


def run(folder: Path, **changes: Any) -> tuple[Problem, Outcome]:
    problem, opened = start(folder, config_of(**changes))
    return problem, Search(problem, opened, make_executor(problem, opened, 1)).execute()


def run_here(folder: Path, **changes: Any) -> tuple[Problem, Outcome]:
    """`run` without worker processes, whatever the evaluator."""
    problem, opened = start(folder, config_of(**changes))
    executor = InProcess(problem.evaluator, problem.config.seed)
    return problem, Search(problem, opened, executor).execute()


def content(outcome: Outcome) -> list[tuple[Any, ...]]:
    """Everything of the trials but when they ran and how long they took."""
    rows = []
    for trial in outcome.trials:
        attrs = {k: v for k, v in trial.user_attrs.items() if k != "seconds"}
        rows.append((trial.number, trial.state, trial.values, trial.params, attrs))
    return rows


class Interrupting:
    """Ends a search like Ctrl-C, after so many trials."""

    def __init__(self, trials: int) -> None:
        self.trials = trials

    def __call__(self, ledger: Ledger) -> None:
        if len(ledger.trials) >= self.trials:
            raise KeyboardInterrupt


def test_no_network_is_evaluated_twice(tmp_path: Path) -> None:
    problem, outcome = run(tmp_path / "run", trials=150)
    evaluated = problem.evaluator.evaluated  # type: ignore[attr-defined]
    assert len(evaluated) == len(set(evaluated)) == outcome.evaluations == 150


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_search(tmp_path: Path, sampler: str) -> None:
    _, first = run(tmp_path / "a", sampler=sampler)
    _, second = run(tmp_path / "b", sampler=sampler)
    _, other = run(tmp_path / "c", sampler=sampler, seed=1)
    assert content(first) == content(second)
    assert content(first) != content(other)


@pytest.mark.parametrize("sampler", [*SAMPLERS, "gp"])
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, sampler: str
) -> None:
    trials = 18 if sampler == "gp" else 60
    _, whole = run(tmp_path / "whole", sampler=sampler, trials=trials)
    for stop in (1, 14, trials - 2):
        problem, opened = start(tmp_path / "parts", config_of(sampler=sampler, trials=trials))
        search = Search(problem, opened, make_executor(problem, opened, 1), Interrupting(stop))
        with pytest.raises(KeyboardInterrupt):
            search.execute()
    _, parts = run(tmp_path / "parts", sampler=sampler, trials=trials)
    assert content(parts) == content(whole)


def test_more_trials_may_be_asked_for_later(tmp_path: Path) -> None:
    _, whole = run(tmp_path / "whole", trials=30)
    run(tmp_path / "parts", trials=10)
    problem, parts = run(tmp_path / "parts", trials=30)
    assert content(parts) == content(whole)
    assert len(problem.evaluator.evaluated) == 20  # type: ignore[attr-defined]


def test_another_configuration_is_refused_with_the_difference(tmp_path: Path) -> None:
    run(tmp_path / "run", trials=3)
    with pytest.raises(RunError, match="sampler architecture -> random, seed 0 -> 5"):
        run(tmp_path / "run", trials=3, seed=5, sampler="random")


def test_bounds_are_checked_before_anything_is_paid_for(tmp_path: Path) -> None:
    bounds = (Bound("flops", 200e6), Bound("params", 3e6))
    problem, outcome = run(tmp_path / "run", bounds=bounds, trials=30, sampler="tpe")
    assert outcome.evaluations == 30
    refused = [t for t in outcome.trials if "refused" in t.user_attrs]
    assert refused, "random networks are larger than this"
    assert not {t.user_attrs["digest"] for t in refused} & set(
        problem.evaluator.evaluated  # type: ignore[attr-defined]
    )
    for trial in outcome.trials:
        if trial not in refused:
            assert trial.user_attrs["flops"] <= 200e6
            assert trial.user_attrs["params"] <= 3e6


def test_bounds_that_hardly_any_network_meets_are_met(tmp_path: Path) -> None:
    _, outcome = run(tmp_path / "run", bounds=(Bound("flops", 56e6),), trials=5, sampler="random")
    assert outcome.evaluations == 5


def test_a_space_that_is_used_up_ends_the_search(tmp_path: Path) -> None:
    _, outcome = run(tmp_path / "run", space="toys:TinySpace", trials=100, target_flops=360_000_000)
    assert outcome.evaluations == 12
    assert outcome.stopped == "nothing new left to evaluate"
    assert len(outcome.trials) < 12 + 13 * DRY_TRIALS
    repeats = [t for t in outcome.trials if "repeat_of" in t.user_attrs]
    assert all(t.values == outcome.trials[t.user_attrs["repeat_of"]].values for t in repeats)


def test_a_network_that_fails_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    problem, outcome = run(tmp_path / "run", evaluator="toys:FailingSometimes", trials=60)
    failed = [
        t for t in outcome.trials if "error" in t.user_attrs and "repeat_of" not in t.user_attrs
    ]
    assert 5 < len(failed) < 30
    assert failed[0].user_attrs["error"] == "RuntimeError: out of memory"
    result = summarise(problem, outcome.trials)
    assert result.failed == len(failed)
    assert result.evaluations == 60
    assert result.best is not None


def test_an_evaluator_that_always_fails_ends_the_search(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="out of memory"):
        run(tmp_path / "run", evaluator="toys:Failing")
    with pytest.raises(EvaluationError, match="not a fraction"):
        run(tmp_path / "percent", evaluator="toys:Percent")


def test_scores_make_the_target_a_bound(tmp_path: Path) -> None:
    problem, outcome = run(tmp_path / "run", evaluator="toys:Params", trials=60, sampler="tpe")
    result = summarise(problem, outcome.trials)
    assert result.refused > 0
    assert result.best is not None
    assert result.best.accuracy is None
    assert result.best.score == result.best.cost.params
    assert result.best.cost.flops <= 400_000_000


def test_the_best_is_the_most_accurate_within_the_target(tmp_path: Path) -> None:
    problem, outcome = run(tmp_path / "run", trials=120)
    result = summarise(problem, outcome.trials)
    within = [t for t in outcome.trials if t.user_attrs["flops"] <= 400_000_000]
    assert result.best is not None
    assert result.paper_best is not None
    assert result.best.accuracy == max(t.user_attrs["accuracy"] for t in within)
    assert result.best.reward == result.best.accuracy
    paper = {
        t.number: t.user_attrs["accuracy"] * (t.user_attrs["flops"] / 400e6) ** -0.07
        for t in outcome.trials
    }
    assert paper[result.paper_best.trial or 0] == max(paper.values())
    assert result.reference is not None
    assert result.reference.cost.flops == 385_814_752
    assert [c.accuracy for c in result.top] == sorted(
        (t.user_attrs["accuracy"] for t in within if "repeat_of" not in t.user_attrs), reverse=True
    )[:10]


def test_where_judgements_are_noisy_a_model_of_all_readings_chooses(tmp_path: Path) -> None:
    """On average the choice is better than the highest reading; the readings scatter by 0.05."""
    chosen, highest = [], []
    for seed in range(24):
        problem, outcome = run_here(
            tmp_path / str(seed), evaluator="toys:Noisy", trials=60, seed=seed, sampler="random"
        )
        result = summarise(problem, outcome.trials)
        assert result.best is not None
        assert result.highest is not None
        assert result.best.cost.flops <= 400_000_000
        assert result.highest.accuracy == max(
            t.user_attrs["accuracy"] for t in outcome.trials if t.user_attrs["flops"] <= 400e6
        )
        truth = toys.Toy()
        chosen.append(truth.evaluate(result.best.spec, seed=0).value)
        highest.append(truth.evaluate(result.highest.spec, seed=0).value)
    assert sum(chosen) > sum(highest)


def test_the_pareto_front_has_no_beaten_network(tmp_path: Path) -> None:
    _, outcome = run(tmp_path / "run", trials=80, objectives=("accuracy", "flops"), sampler="nsga2")
    points = [(t.user_attrs["accuracy"], t.user_attrs["flops"]) for t in outcome.trials]
    front = pareto_front(outcome.trials)
    for trial in front:
        accuracy, flops = trial.user_attrs["accuracy"], trial.user_attrs["flops"]
        assert not any(
            (a >= accuracy and f < flops) or (a > accuracy and f <= flops) for a, f in points
        )
    assert outcome.trials[0].values == [
        outcome.trials[0].user_attrs["accuracy"],
        outcome.trials[0].user_attrs["flops"],
    ]


def test_a_database_holds_the_study_where_one_is_given(tmp_path: Path) -> None:
    import optuna

    url = f"sqlite:///{tmp_path / 'study.db'}"
    _, first = run(tmp_path / "run", trials=8, storage=url)
    assert not (tmp_path / "run" / "study.journal").exists()
    (summary,) = optuna.get_all_study_summaries(url)
    assert summary.n_trials == len(first.trials)
    _, journal = run(tmp_path / "other", trials=8)
    assert content(first) == content(journal)


def test_the_journal_is_an_ordinary_optuna_study(tmp_path: Path) -> None:
    import optuna

    _, outcome = run(tmp_path / "run", trials=10)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "run" / "study.journal"))
    storage = optuna.storages.JournalStorage(backend)
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    assert len(study.trials) == len(outcome.trials)
    assert study.best_value == max(t.values[0] for t in outcome.trials)


def test_a_journal_cut_in_its_last_record_loses_that_record_only(tmp_path: Path) -> None:
    _, whole = run(tmp_path / "run", trials=6, sampler="random")
    journal = tmp_path / "run" / "study.journal"
    full = journal.read_bytes()
    last = full.rstrip(b"\n").rfind(b"\n") + 1
    for end in [*range(last, len(full), 97), len(full) - 1]:
        journal.write_bytes(full[:end])
        problem, again = run(tmp_path / "run", trials=6, sampler="random")
        assert content(again) == content(whole)
        assert len(problem.evaluator.evaluated) == 1  # type: ignore[attr-defined]


def test_a_journal_cut_at_every_byte_of_its_last_record_opens_with_the_others(
    tmp_path: Path,
) -> None:
    problem, whole = run(tmp_path / "run", trials=6, sampler="random")
    opened = read_run(tmp_path / "run")
    full = opened.journal.read_bytes()
    last = full.rstrip(b"\n").rfind(b"\n") + 1
    before = content(dataclasses.replace(whole, trials=whole.trials[:-1]))
    for end in range(last, len(full)):
        opened.journal.write_bytes(full[:end])
        with quiet_optuna():
            kept = StudyLog(opened, problem.directions).trials()
        assert content(dataclasses.replace(whole, trials=kept)) == before, f"cut at byte {end}"


def test_a_lock_left_by_a_killed_process_does_not_block(tmp_path: Path) -> None:
    run(tmp_path / "run", trials=3)
    (tmp_path / "run" / "study.journal.lock").symlink_to(tmp_path / "run" / "study.journal")
    _, outcome = run(tmp_path / "run", trials=5)
    assert outcome.evaluations == 5


def test_a_journal_damaged_before_its_last_record_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", trials=4)
    journal = tmp_path / "run" / "study.journal"
    journal.write_bytes(b"".join(b"garbage\n" for _ in range(5)))
    with pytest.raises(RunError, match="damaged"):
        run(tmp_path / "run", trials=4)
    assert journal.read_bytes().startswith(b"garbage")


def test_a_run_in_use_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "run", trials=2)
    second = locked(tmp_path / "run")
    with locked(tmp_path / "run"), pytest.raises(RunError, match="in use by process"), second:
        pass


def test_a_warm_start_is_judged_first_and_once(tmp_path: Path) -> None:
    _, first = run(tmp_path / "first", trials=12)
    problem, opened = start(tmp_path / "run", config_of(warm_start=("b0",), trials=9))
    save_result(problem, opened, first)
    problem, outcome = run(
        tmp_path / "warm", warm_start=("b0", str(tmp_path / "run"), "b0"), trials=15
    )
    assert outcome.trials[0].user_attrs["flops"] == 385_814_752
    best = {t.user_attrs["digest"] for t in first.trials if t.user_attrs["flops"] <= 400e6}
    begun = [t.user_attrs["digest"] for t in outcome.trials]
    given = min(10, len(best))  # a run names its ten best
    assert set(begun[1 : 1 + given]) <= best
    assert len(set(begun[: 1 + given])) == 1 + given
    assert given > 3
    search = Search(
        *start(tmp_path / "parts", config_of(warm_start=("b0",), trials=15)),
        InProcess(problem.evaluator, 0),
        Interrupting(1),
    )
    with pytest.raises(KeyboardInterrupt):
        search.execute()
    _, parts = run(tmp_path / "parts", warm_start=("b0",), trials=15)
    _, whole = run(tmp_path / "whole", warm_start=("b0",), trials=15)
    assert content(parts) == content(whole)


def test_a_warm_start_outside_the_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not in space 'mbconv'"):
        run(tmp_path / "run", warm_start=("efficientnet-b3",))
    with pytest.raises(ConfigError, match="cannot read a network back"):
        run(
            tmp_path / "tiny",
            space="toys:TinySpace",
            target_flops=360_000_000,
            warm_start=("b0",),
        )


def test_a_timeout_stops_and_more_time_goes_on(tmp_path: Path) -> None:
    _, short = run(tmp_path / "run", trials=10_000, timeout_seconds=0.3)
    assert short.stopped == "time is up"
    assert 0 < short.evaluations < 10_000
    _, longer = run(tmp_path / "run", trials=short.evaluations + 5)
    assert longer.evaluations == short.evaluations + 5


def test_a_configuration_survives_json() -> None:
    config = config_of(bounds=(Bound("latency:x", 3.0),), exponents=(0.0, -1.0), objectives=("a",))
    assert SearchConfig.from_dict(config.to_dict()) == config
    assert config.difference(dataclasses.replace(config, trials=99, timeout_seconds=3.0)) is None
