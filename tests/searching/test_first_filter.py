"""`--filter`: what scores poorly for its FLOPs is refused before it is trained."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from nas.cost import network_cost
from nas.errors import ConfigError, NasError
from nas.runs.records import open_run
from nas.searching.config import SearchConfig
from nas.searching.first_filter import FilterSettings, FirstFilter
from nas.searching.loop import Search
from nas.searching.problem import Problem, load_problem
from nas.space import random_network
from nas.workers import InProcess


def config_of(**changes: Any) -> SearchConfig:
    settings: dict[str, Any] = {
        "target_flops": 400_000_000,
        "evaluator": "toys:Noisy",
        "sampler": "random",
        "trials": 6,
        "first_filter": "toys:Params:0.3",
    }
    return SearchConfig(**{**settings, **changes})


def searched(folder: Path, config: SearchConfig) -> tuple[Problem, list[Any]]:
    problem = load_problem(config)
    run = open_run(folder, config, "nas search")
    executor = InProcess(problem.evaluator, config.seed)
    return problem, Search(problem, run, executor).execute().trials


@pytest.mark.parametrize("text", ["zero-cost", "zero-cost:0", "zero-cost:1", ":0.5", "a:b"])
def test_what_is_no_filter_is_said_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="write for example zero-cost:"):
        FilterSettings.parse(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"first_filter": "toys:Toy:0.5"}, "needs an evaluator that scores without training"),
        ({"evaluator": "toys:Toy"}, "'toy' does not train; leave it out"),
        ({"first_filter": "zero-cots:0.5"}, "zero-cost"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_before_there_is_a_run(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(NasError, match=said):
        load_problem(config_of(**changes))


def test_other_random_networks_pass_as_often_as_was_asked_at_every_size() -> None:
    problem = load_problem(config_of(first_filter=None))
    kept = FirstFilter(FilterSettings("toys:Params", 0.3), problem.space, lambda arch: True, 0)
    source = random.Random("not the filter's own")
    networks = [random_network(problem.space, source)[0] for _ in range(120)]
    networks.sort(key=lambda arch: network_cost(arch).flops)
    passed = [kept.shortfall(arch) <= 0 for arch in networks]
    # Binomial SDs: 0.06 of the line's 64 networks and 0.04 of these 120.
    assert sum(passed) / 120 == pytest.approx(0.3, abs=3 * 0.07)
    # FLOPs alone must not decide: some of the small pass and some of the large do not.
    assert sum(passed[:40]) > 0
    assert sum(passed[80:]) < 40


def test_a_search_trains_only_what_passes_and_says_why_the_others_are_refused(
    tmp_path: Path,
) -> None:
    config = config_of()
    problem, trials = searched(tmp_path / "run", config)
    assert problem.first_filter is not None
    judged = [t for t in trials if "accuracy" in t.user_attrs]
    refused = [t for t in trials if "refused" in t.user_attrs]
    assert len(judged) == config.trials
    assert refused
    for trial in judged:
        assert problem.first_filter.shortfall(problem.rebuild(trial.params)) <= 0
    for trial in refused:
        assert "best 30% for its FLOPs" in trial.user_attrs["refused"]
        assert problem.first_filter.shortfall(problem.rebuild(trial.params)) > 0
    # A filter made anew, as in a resumed process, draws the same line.
    again = load_problem(config).first_filter
    assert again is not None
    for trial in refused:
        arch = problem.rebuild(trial.params)
        assert again.shortfall(arch) == problem.first_filter.shortfall(arch)


def test_zero_cost_is_such_a_filter() -> None:
    problem = load_problem(config_of(first_filter="zero-cost:0.5"))
    assert problem.first_filter is not None
    assert "Kendall tau 0.62" in problem.first_filter.describe()
    b0 = problem.space.reference()
    assert b0 is not None
    assert problem.first_filter.score(b0) > 0


def test_a_run_knows_its_filter() -> None:
    plain, filtered = config_of(first_filter=None), config_of()
    assert "first_filter" not in plain.identity()
    assert plain.difference(filtered) == "first filter None -> toys:Params:0.3"
