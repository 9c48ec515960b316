"""A search bounded by a table: refused beforehand, measured again afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from latency_space import simulated

from nas.errors import RunError
from nas.latency.errors import LatencyError
from nas.latency.fitting import table_of
from nas.latency.table import LatencyTable, write_table
from nas.objective import Bound
from nas.runs.records import open_run
from nas.searching.config import SearchConfig
from nas.searching.device_tables import keep_tables
from nas.searching.finalists import measured_too_slow, with_measured
from nas.searching.loop import Search, make_executor
from nas.searching.problem import Problem, load_problem
from nas.spec import ArchSpec
from nas.trust.candidates import judged_networks

TARGET = 100_000


@pytest.fixture
def path(table: LatencyTable, tmp_path: Path) -> Path:
    written = tmp_path / "here.json"
    write_table(written, table)
    return written


def problem_of(path: Path, limit: float | None, **settings: Any) -> Problem:
    bounds = () if limit is None else (Bound(f"latency:{path}", limit),)
    return load_problem(
        SearchConfig(
            target_flops=TARGET,
            space="latency_space:SmallSpace",
            evaluator="toys:Toy",
            trials=30,
            bounds=bounds,
            **settings,
        )
    )


def trials_of(problem: Problem, tmp_path: Path) -> Any:
    run = open_run(tmp_path / "run", problem.config, "nas search")
    return Search(problem, run, make_executor(problem, run, 1)).execute().trials


def slower_by(factors: Callable[[ArchSpec, float], float]) -> Any:
    """A machine on which a network takes so many times what the table predicts."""

    def measure(networks: Sequence[ArchSpec], table: LatencyTable) -> list[tuple[float, str]]:
        predicted = [table.predict(arch).latency_ms for arch in networks]
        return [(ms * factors(a, ms), "") for a, ms in zip(networks, predicted, strict=True)]

    return measure


@pytest.fixture
def limit(path: Path) -> float:
    """A bound that the most accurate networks at the target are beyond."""
    problem = problem_of(path, None)
    arch = problem.space.sample(_Largest())
    return 0.5 * problem_table(path).predict(arch).latency_ms


def problem_table(path: Path) -> LatencyTable:
    from nas.latency.table import read_table

    return read_table(path)


class _Largest:
    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[-1]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        return high


def test_slower_networks_are_refused_by_the_table(path: Path, limit: float, tmp_path: Path) -> None:
    problem = problem_of(path, limit)
    trials = trials_of(problem, tmp_path)
    judged = [t for t in trials if "accuracy" in t.user_attrs]
    assert judged
    assert all(t.user_attrs[f"latency:{path}"] <= limit for t in judged)
    free = problem_of(path, None)
    best = max(t.user_attrs["accuracy"] for t in judged)
    reachable = max(
        t.user_attrs["accuracy"]
        for t in trials_of(free, tmp_path / "free")
        if t.user_attrs["flops"] <= TARGET
    )
    assert reachable > best


def test_the_reported_network_meets_the_bound_as_measured(
    path: Path, limit: float, tmp_path: Path
) -> None:
    problem = problem_of(path, limit)
    trials = trials_of(problem, tmp_path)
    predicted = with_measured(problem, trials, slower_by(lambda arch, ms: 1.0))
    assert predicted.latency is not None
    assert predicted.latency.met is True
    best = predicted.best
    assert best is not None

    def unlucky(arch: ArchSpec, ms: float) -> float:
        return 3.0 if arch.digest() == best.spec.digest() else 1.0

    result = with_measured(problem, trials, slower_by(unlucky))
    assert result.best is not None
    assert result.latency is not None
    assert result.best.trial != best.trial
    assert result.latency.met is True
    chosen = {each.trial: each for each in result.latency.finalists}
    assert chosen[result.best.trial].met
    assert not chosen[best.trial].met
    assert best.trial not in [each.trial for each in result.top]


def test_where_none_meets_it_the_report_says_so(path: Path, limit: float, tmp_path: Path) -> None:
    problem = problem_of(path, limit)
    result = with_measured(
        problem, trials_of(problem, tmp_path), slower_by(lambda arch, ms: 2 * limit / ms)
    )
    assert result.best is not None
    assert result.latency is not None
    assert result.latency.met is False
    assert result.to_dict()["latency"]["kind"] == "measured"


def test_on_another_machine_it_is_predicted_and_said_so(
    path: Path, limit: float, tmp_path: Path
) -> None:
    problem = problem_of(path, limit)
    result = with_measured(problem, trials_of(problem, tmp_path))
    assert result.best is not None
    document = result.to_dict()["latency"]
    assert document["kind"] == "predicted, not measured"
    assert "an imagined processor" in document["not_measured"]


def test_latency_is_an_objective_and_the_front_is_measured(path: Path, tmp_path: Path) -> None:
    metric = f"latency:{path}"
    problem = problem_of(path, None, objectives=("accuracy", metric))
    assert problem.directions == ["maximize", "minimize"]
    trials = trials_of(problem, tmp_path)
    result = with_measured(problem, trials, slower_by(lambda arch, ms: 1.1))
    assert result.latency is not None
    assert result.latency.met is None
    front = sorted(result.latency.finalists, key=lambda each: each.predicted_ms[metric])
    assert [each.figure for each in front] == sorted(each.figure for each in front)
    for each in front:
        assert each.measured_ms[metric] == pytest.approx(1.1 * each.predicted_ms[metric])
        beaten = [
            t
            for t in trials
            if t.user_attrs["accuracy"] > each.figure
            and t.user_attrs[metric] < each.predicted_ms[metric]
        ]
        assert not beaten


def test_a_search_without_a_table_is_reported_as_before(tmp_path: Path) -> None:
    problem = load_problem(
        SearchConfig(
            target_flops=TARGET, space="latency_space:SmallSpace", evaluator="toys:Toy", trials=5
        )
    )
    assert "latency" not in with_measured(problem, trials_of(problem, tmp_path)).to_dict()


def test_a_run_goes_on_with_the_table_that_it_began_with(
    path: Path, work: dict[str, Any], tmp_path: Path
) -> None:
    problem = problem_of(path, 1.0)
    keep_tables(tmp_path, problem.tables)
    keep_tables(tmp_path, problem.tables)
    write_table(path, table_of(simulated(work, seed=5)))
    with pytest.raises(RunError, match="is not the one that run"):
        keep_tables(tmp_path, problem_of(path, 1.0).tables)


def test_a_table_of_another_space_or_no_table_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(LatencyError, match="for space small, the search has mbconv"):
        load_problem(
            SearchConfig(target_flops=400_000_000, bounds=(Bound(f"latency:{path}", 5.0),))
        )
    with pytest.raises(LatencyError, match="cannot read the latency table"):
        problem_of(tmp_path / "absent.json", 5.0)


def test_the_command_says_what_was_predicted(
    nas: Callable[..., Any], path: Path, limit: float
) -> None:
    arguments = (
        "search -t 100k --space latency_space:SmallSpace --evaluator toys:Toy --trials 12 "
        f"--quiet --out run --max-latency {path}={limit}"
    )
    done = nas(*arguments.split())
    assert done.code == 0, done.err
    assert "latencies are predicted, not measured: the table is of onnxruntime 0" in done.out
    document = json.loads(Path("run/best.json").read_text())
    assert document["latency"]["met"] is None


def test_no_winner_was_measured_to_be_too_slow(path: Path, limit: float, tmp_path: Path) -> None:
    """Neither the found network, nor that of the paper's reward, nor what is retrained."""
    problem = problem_of(path, limit)
    trials = trials_of(problem, tmp_path)
    predicted = with_measured(problem, trials, slower_by(lambda arch, ms: 1.0))
    assert predicted.best is not None
    assert predicted.paper_best is not None
    winners = {predicted.best.spec.digest(), predicted.paper_best.spec.digest()}

    def unlucky(arch: ArchSpec, ms: float) -> float:
        return 3.0 if arch.digest() in winners else 1.0

    result = with_measured(problem, trials, slower_by(unlucky))
    assert result.latency is not None
    assert result.latency.met is True
    met = {each.trial: each.met for each in result.latency.finalists}
    for winner in (result.best, result.paper_best, result.reward_best):
        assert winner is not None
        assert winner.spec.digest() not in winners
    assert result.best is not None
    assert result.paper_best is not None
    assert met[result.best.trial or 0]
    assert met[result.paper_best.trial or 0]

    (tmp_path / "best.json").write_text(json.dumps(result.to_dict()))
    slow = measured_too_slow(tmp_path)
    assert slow == {number for number, each in met.items() if not each}
    assert slow
    retrained = judged_networks(problem, trials, 3, slow)
    assert retrained[0].arch.digest() == result.best.spec.digest()
    assert not winners & {one.arch.digest() for one in retrained}
    # Where nothing meets the bound the search reports what was predicted, and so is retrained.
    nothing = with_measured(problem, trials, slower_by(lambda arch, ms: 2 * limit / ms))
    (tmp_path / "best.json").write_text(json.dumps(nothing.to_dict()))
    assert measured_too_slow(tmp_path) == frozenset()
    assert measured_too_slow(tmp_path / "absent") == frozenset()
