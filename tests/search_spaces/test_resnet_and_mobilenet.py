"""The small spaces: sound, exact, and searchable under a FLOPs target."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from nas.archs import find_network, resized
from nas.cost import network_cost
from nas.counting import count
from nas.model import build
from nas.plugins import load_space
from nas.runs.records import open_run
from nas.search_spaces.mobilenet_space import MobileNetSpace
from nas.search_spaces.resnet_space import ResNetSpace
from nas.searching.config import SearchConfig
from nas.searching.loop import Search, make_executor
from nas.searching.problem import load_problem
from nas.searching.results import summarise
from nas.space import HasParameters, SearchSpace, random_network, rebuild
from nas.spec import ArchSpec
from nas.testing import check_space
from nas.testing.counting import claim_equal
from nas.testing.networks import check_json, check_training

SPACES = {space.name: space for space in (ResNetSpace(), MobileNetSpace())}
# About half of each space's networks lie below.
TARGETS = {"resnet": 3_000_000_000, "mobilenet": 250_000_000}
RESOLUTIONS = (32, 65, 97, 160, 224)


@pytest.mark.parametrize("name", SPACES)
def test_the_space_is_found_by_name(name: str) -> None:
    assert load_space(name).name == name


@pytest.mark.parametrize("name", SPACES)
def test_the_space_keeps_its_contract(name: str) -> None:
    check_space(SPACES[name], samples=12, trained=2)


def exact(space: SearchSpace, networks: int, seed: int) -> None:
    source = random.Random(seed)
    for index in range(networks):
        arch, suggest = random_network(space, source)
        arch = resized(arch, resolution=RESOLUTIONS[index % len(RESOLUTIONS)])
        counted = count(build(arch, device="meta"), arch.in_channels, arch.resolution)
        claim_equal(network_cost(arch), counted, f"{suggest.params} at {arch.resolution} px")


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_two_hundred_networks_cost_what_torch_counts(name: str) -> None:
    exact(SPACES[name], 200, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_random_networks_survive_json_and_train(name: str) -> None:
    source = random.Random(2)
    for _ in range(20):
        arch, suggest = random_network(SPACES[name], source)
        check_json(arch)
        check_training(arch, str(suggest.params), 32)


@pytest.mark.parametrize(
    ("space", "held"),
    [
        *(("resnet", f"resnet-{depth}") for depth in (18, 34, 50, 101, 152)),
        ("resnet", "resnext-50-32x4d"),
        ("mobilenet", "mobilenet-v2"),
    ],
)
def test_published_networks_lie_in_the_space(space: str, held: str) -> None:
    arch = find_network(held)
    params = parameters(space, arch)
    assert params is not None
    assert rebuild(SPACES[space], params) == arch
    assert parameters(space, resized(arch, resolution=64, classes=10)) == params


@pytest.mark.parametrize(
    ("space", "foreign"),
    [
        ("resnet", "mobilenet-v2"),
        ("resnet", "resnext-101-64x4d"),
        ("mobilenet", "mobilenet-v1"),
        ("mobilenet", "mobilenet-v3-small"),
        ("mobilenet", "resnet-50"),
        ("mobilenet", "efficientnet-b0"),
    ],
)
def test_other_networks_do_not(space: str, foreign: str) -> None:
    assert parameters(space, find_network(foreign)) is None


@pytest.mark.parametrize("name", SPACES)
def test_other_settings_than_the_spaces_do_not(name: str) -> None:
    space: Any = SPACES[name]
    reference = space.reference()
    fewer = dataclasses.replace(reference, stages=reference.stages[:-1])
    activated = dataclasses.replace(reference, activation="silu")
    assert parameters(name, fewer) is None
    assert parameters(name, activated) is None


def parameters(name: str, arch: ArchSpec) -> dict[str, Any] | None:
    space = SPACES[name]
    assert isinstance(space, HasParameters)
    return space.parameters(arch)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("seed", range(21))
def test_a_search_respects_its_bound_and_repeats_nothing(
    tmp_path: Path, name: str, seed: int
) -> None:
    # Each seed with one of the samplers, so that all three meet seven.
    config = SearchConfig(
        target_flops=TARGETS[name],
        space=name,
        evaluator="toys:Params",
        sampler=("random", "tpe", "architecture")[seed % 3],
        seed=seed,
        trials=14,
    )
    problem = load_problem(config)
    run = open_run(tmp_path / "run", config, "nas search")
    outcome = Search(problem, run, make_executor(problem, run, 1)).execute()
    digests = [
        trial.user_attrs["digest"]
        for trial in outcome.trials
        if "repeat_of" not in trial.user_attrs and trial.values is not None
    ]
    assert len(digests) == len(set(digests)) == outcome.evaluations > 0
    best = summarise(problem, outcome.trials).best
    assert best is not None
    assert best.cost.flops <= TARGETS[name]
    assert best.score == best.cost.params
