"""The MBConv spaces: sound, exact, and searchable under a FLOPs target."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from nas.archs import resized
from nas.cost import network_cost
from nas.plugins import load_space
from nas.runs.records import open_run
from nas.searching.config import SearchConfig
from nas.searching.loop import Search, make_executor
from nas.searching.problem import load_problem
from nas.searching.results import summarise
from nas.space import SearchSpace, at_resolution, random_network
from nas.testing import check_network, check_space
from nas.testing.networks import check_json, check_training

NAMES = ("mbconv", "mnasnet", "mbconv-elastic")
RESOLUTIONS = (32, 65, 97, 160, 224)
# space, resolution, target: at their own size, and 32 px as with small images of one's own.
SEARCHES = (
    ("mbconv", None, 400_000_000),
    ("mnasnet", None, 400_000_000),
    ("mbconv-elastic", None, 400_000_000),
    ("mbconv-elastic", 32, 20_000_000),
)


def space_at(name: str, resolution: int | None) -> SearchSpace:
    return at_resolution(load_space(name), resolution)


@pytest.mark.parametrize("name", NAMES)
def test_the_space_keeps_its_contract(name: str) -> None:
    check_space(load_space(name), samples=6, trained=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_networks_cost_what_torch_counts(name: str) -> None:
    source = random.Random(1)
    for index in range(200):
        resolution = RESOLUTIONS[index % len(RESOLUTIONS)]
        arch, suggest = random_network(space_at(name, resolution), source)
        check_network(resized(arch, resolution=resolution), f"{suggest.params} at {resolution} px")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_random_networks_survive_json_and_train(name: str) -> None:
    source = random.Random(2)
    for _ in range(20):
        arch, suggest = random_network(space_at(name, 32), source)
        check_json(arch)
        check_training(arch, str(suggest.params), 32)


@pytest.mark.parametrize(("name", "resolution", "target"), SEARCHES)
@pytest.mark.parametrize("seed", range(20))
def test_a_search_respects_its_bound_and_repeats_nothing(
    tmp_path: Path, name: str, resolution: int | None, target: int, seed: int
) -> None:
    # Each seed with one of the samplers, so that each meets seven or ten.
    config = SearchConfig(
        target_flops=target,
        space=name,
        resolution=resolution,
        evaluator="toys:Params",
        sampler=("random", "tpe", "architecture")[seed % (3 if name == "mbconv" else 2)],
        seed=seed,
        trials=12,
    )
    problem = load_problem(config)
    run = open_run(tmp_path / "run", config, "nas search")
    outcome = Search(problem, run, make_executor(problem, run, 1)).execute()
    judged = [
        trial
        for trial in outcome.trials
        if "repeat_of" not in trial.user_attrs and trial.values is not None
    ]
    digests = {trial.user_attrs["digest"] for trial in judged}
    assert len(digests) == len(judged) == outcome.evaluations == 12
    for trial in judged:
        arch = problem.rebuild(trial.params)
        assert arch.resolution == (resolution or 224)
        assert network_cost(arch).flops <= target
    best = summarise(problem, outcome.trials).best
    assert best is not None
    assert best.score == best.cost.params
