"""The space for one's own images: strides follow the input, small budgets are within reach."""

from __future__ import annotations

import dataclasses
import random

import pytest

from nas.archs import find_network, resized
from nas.cost import network_cost
from nas.extremes import flops_range
from nas.search_spaces.fitted_strides import fitted_strides
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace, fitted_b0
from nas.searching.config import SearchConfig
from nas.searching.problem import load_problem
from nas.space import HasResolutions, at_resolution, random_network, rebuild
from nas.spec import ArchSpec
from nas.suggest import FixedSuggest

B0_STRIDES = (2, 1, 2, 2, 2, 1, 2, 1)


def strides_of(arch: ArchSpec) -> tuple[int, ...]:
    return (arch.stem.stride, *(stage.stride for stage in arch.stages))


def last_px(arch: ArchSpec) -> int:
    return arch.blocks()[-1].out_size


@pytest.mark.parametrize(
    ("resolution", "strides"),
    [
        (1, (1, 1, 1, 1, 1, 1, 1, 1)),
        (8, (1, 1, 1, 1, 1, 1, 2, 1)),
        (28, (1, 1, 1, 2, 2, 1, 2, 1)),
        (32, (1, 1, 1, 2, 2, 1, 2, 1)),
        (64, (1, 1, 2, 2, 2, 1, 2, 1)),
        (96, (1, 1, 2, 2, 2, 1, 2, 1)),
        (97, B0_STRIDES),
        (224, B0_STRIDES),
        (600, B0_STRIDES),
    ],
)
def test_strides_follow_the_input(resolution: int, strides: tuple[int, ...]) -> None:
    assert fitted_strides(B0_STRIDES, resolution) == strides
    assert strides_of(fitted_b0(resolution)) == strides


def test_no_image_is_reduced_to_a_pixel() -> None:
    for resolution in range(4, 300):
        space = MBConvElasticSpace(resolution)
        assert last_px(space.reference()) >= 4
        assert last_px(random_network(space, resolution)[0]) >= 4
    # And no more strides are left out than that takes.
    assert [last_px(fitted_b0(px)) for px in (3, 4, 31, 32, 63, 64, 96, 224)] == [
        *(3, 4, 4, 4, 4, 4, 6, 7)
    ]


def test_b0_is_in_the_space() -> None:
    space = MBConvElasticSpace()
    b0 = find_network("efficientnet-b0")
    params = space.parameters(b0)
    assert params is not None
    assert rebuild(space, params) == b0 == space.reference()
    assert space.reference().name == b0.name


def test_the_reference_for_small_images_says_so_and_is_in_the_space() -> None:
    space = MBConvElasticSpace(32)
    reference = space.reference()
    assert (reference.name, reference.resolution) == ("efficientnet-b0-for-32px", 32)
    params = space.parameters(reference)
    assert params is not None
    assert rebuild(space, params) == reference
    # B0's own strides do not suit 32 px, so B0 as it is lies outside.
    assert space.parameters(find_network("efficientnet-b0")) is None


def test_answers_carry_over_to_another_resolution() -> None:
    space = MBConvElasticSpace()
    assert isinstance(space, HasResolutions)
    arch, suggest = random_network(space, 3)
    small = rebuild(at_resolution(space, 32), suggest.params)
    assert small.resolution == 32
    assert dataclasses.replace(small.stages[3], stride=1) == dataclasses.replace(
        arch.stages[3], stride=1
    )
    assert at_resolution(space, None) is space


def test_networks_of_five_million_flops_at_32_px_exist() -> None:
    smallest, largest = flops_range(MBConvElasticSpace(32), classes=10)
    assert smallest < 2_000_000
    assert largest > 1_000_000_000
    # Not the smallest only: every network of width 0.25 and expand ratio 1 with few layers.
    space, source = MBConvElasticSpace(32), random.Random(0)
    small = {"width": 0.25, "head.channels": 320, "stem.channels": 16}
    small |= {f"stage{stage}.expand": 1 for stage in range(7)}
    small |= {f"stage{stage}.block": "mbconv" for stage in range(3)}
    small |= {f"stage{stage}.layers": 2 for stage in range(7)}
    for _ in range(50):
        arch = resized(space.sample(FixedSuggest(small, otherwise=source)), classes=10)
        assert network_cost(arch).flops < 5_000_000


def test_a_fair_share_of_the_space_fits_a_small_budget() -> None:
    space, source = MBConvElasticSpace(32), random.Random(0)
    flops = [
        network_cost(resized(random_network(space, source)[0], classes=10)).flops
        for _ in range(2000)
    ]
    # 8 % and 34 % by 4,000 draws.
    assert sum(value <= 20_000_000 for value in flops) > 100
    assert sum(value <= 50_000_000 for value in flops) > 500


def test_parameters_are_the_inverse_of_sampling() -> None:
    source = random.Random(1)
    for resolution in (32, 224):
        space = MBConvElasticSpace(resolution)
        for _ in range(100):
            arch, _ = random_network(space, source)
            params = space.parameters(arch)
            assert params is not None
            assert rebuild(space, params) == arch


@pytest.mark.parametrize("name", ["mobilenet-v2", "efficientnet-b1", "resnet-18", "mnasnet-a1"])
def test_other_networks_are_not_in_the_space(name: str) -> None:
    assert MBConvElasticSpace().parameters(find_network(name)) is None


def test_a_problem_has_the_space_at_its_resolution() -> None:
    settings = {"evaluator": "toys:Params", "space": "mbconv-elastic", "classes": 10}
    problem = load_problem(SearchConfig(5_000_000, resolution=32, **settings))
    reference = problem.space.reference()
    assert reference is not None
    assert strides_of(reference) == (1, 1, 1, 2, 2, 1, 2, 1)
    arch, _ = random_network(problem.space, 0)
    assert (arch.resolution, arch.classes, last_px(arch)) == (32, 10, 4)
    default = load_problem(SearchConfig(400_000_000, **settings)).space.reference()
    assert default is not None
    assert strides_of(default) == B0_STRIDES
