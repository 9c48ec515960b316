import dataclasses
import itertools

import numpy as np
import pytest

from nas.archs import resized
from nas.cost import network_cost
from nas.errors import SpaceError, SpecError
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import rebuild
from nas.space_statistics import flops_range, sample_space
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec


def extreme(expand, kernel, layers, se):
    params = {}
    for stage in range(7):
        params[f"stage{stage}.expand"] = expand
        params[f"stage{stage}.kernel"] = kernel
        params[f"stage{stage}.layers"] = 4 if stage == 5 and layers == 3 else layers
        params[f"stage{stage}.se"] = se
    return rebuild(MBConvSpace(), params)


SMALLEST = extreme(1, 3, 1, False)
LARGEST = extreme(6, 5, 3, True)


def network(*channels, layers=1):
    stages = tuple(StageSpec("mbconv", width, layers) for width in channels)
    return ArchSpec(stem=StemSpec(8), stages=stages, head=HeadSpec(), resolution=16, classes=2)


class Uneven:
    """90 networks behind one answer, 2 behind the other: uniform answers are not uniform draws."""

    name = "uneven"

    def sample(self, suggest):
        if suggest.suggest_categorical("many", (False, True)):
            width = suggest.suggest_int("width", 8, 80, step=8)
            return network(width, layers=suggest.suggest_int("layers", 1, 9))
        return network(suggest.suggest_categorical("few", (16, 24)))

    def everything(self):
        many = itertools.product(range(8, 81, 8), range(1, 10))
        return [network(width, layers=layers) for width, layers in many] + [
            network(16),
            network(24),
        ]


class Trap:
    """The smallest network lies behind an answer whose random continuations are mostly large."""

    name = "trap"

    def sample(self, suggest):
        if suggest.suggest_categorical("kind", ("plain", "deep")) == "plain":
            return network(suggest.suggest_categorical("width", (16, 24)))
        return network(*(suggest.suggest_int(f"width{i}", 1, 200) for i in range(5)))


class Refusing(MBConvSpace):
    """Half of the answers are no networks."""

    def sample(self, suggest):
        arch = super().sample(suggest)
        if suggest.params["stage0.se"]:
            raise SpecError("stages[0].se is not wanted here")
        return arch


class Impossible:
    name = "impossible"

    def sample(self, suggest):
        return network(suggest.suggest_categorical("width", (0, -1)))


@pytest.fixture(scope="module")
def sample():
    return sample_space(MBConvSpace(), samples=4000)


def test_the_smallest_network_of_mbconv_is_found_exactly(sample):
    assert sample.smallest == network_cost(SMALLEST).flops == 51_594_768


def test_the_largest_network_of_mbconv_is_found_exactly(sample):
    assert sample.largest == network_cost(LARGEST).flops == 884_060_256


@pytest.mark.parametrize("seed", range(5))
def test_any_seed_finds_the_range(seed):
    assert flops_range(MBConvSpace(), seed=seed) == (51_594_768, 884_060_256)


def test_settings_reach_every_network():
    found = flops_range(MBConvSpace(), resolution=96, classes=10, in_channels=1)
    sizes = {"resolution": 96, "classes": 10, "in_channels": 1}
    assert found == tuple(network_cost(resized(a, **sizes)).flops for a in (SMALLEST, LARGEST))
    small = sample_space(MBConvSpace(), samples=500, **sizes)
    assert (small.smallest, small.largest) == found
    assert small.resolutions == (96,)


def test_the_size_of_mbconv_is_exact(sample):
    assert sample.exact
    assert sample.paths == 36**6 * 48
    assert sample.size.networks == 36**6 * 48
    assert sample.size.standard_error == 0
    assert sample.questions == (28, 28)
    assert sample.impossible == 0


def test_how_many_fit_adds_up(sample):
    size = sample.size.networks
    assert sample.at_or_below(sample.largest).networks == pytest.approx(size)
    median = sample.median
    half = sample.at_or_below(median)
    assert abs(half.networks / size - 0.5) < 0.01
    near = sample.near(median)
    between = sample.at_or_below(int(1.05 * median)).networks
    between -= sample.at_or_below(int(0.95 * median)).networks
    assert near.networks == pytest.approx(between, rel=0.02)
    # The standard error of a share p is sqrt(p (1 - p) / n).
    share = near.networks / size
    assert near.standard_error == pytest.approx(
        size * (share * (1 - share) / len(sample.flops)) ** 0.5, rel=0.01
    )


def test_other_seeds_agree_within_the_error():
    target = network_cost(efficientnet_b0()).flops
    found = [
        sample_space(MBConvSpace(), samples=2000, seed=seed).at_or_below(target)
        for seed in range(8)
    ]
    values = np.array([estimate.networks for estimate in found])
    assert values.std(ddof=1) < 2.5 * found[0].standard_error
    assert np.ptp(values) < 6 * found[0].standard_error


def test_no_hit_gives_a_bound_instead_of_certainty(sample):
    none = sample.at_or_below(1000)
    assert (none.networks, none.hits) == (0, 0)
    assert none.at_most == pytest.approx(3 / 4000 * 36**6 * 48)
    assert sample.at_or_below(400_000_000).at_most is None


def test_a_conditional_space_is_weighted_by_paths():
    space = Uneven()
    truth = sorted(network_cost(arch).flops for arch in space.everything())
    sample = sample_space(space, samples=20_000)
    assert not sample.exact
    assert sample.questions == (2, 3)
    assert (sample.smallest, sample.largest) == (truth[0], truth[-1])
    size = sample.size
    assert 0 < size.standard_error < 1
    assert abs(size.networks - len(truth)) < 4 * size.standard_error
    assert truth[44] <= sample.median <= truth[48]
    for target in (truth[10], truth[45], truth[80]):
        exact = sum(flops <= target for flops in truth)
        estimate = sample.at_or_below(target)
        assert abs(estimate.networks - exact) < 4 * estimate.standard_error


def test_a_change_that_opens_questions_is_judged_by_its_best_answers():
    smallest = network_cost(network(1, 1, 1, 1, 1)).flops
    largest = network_cost(network(200, 200, 200, 200, 200)).flops
    assert smallest < network_cost(network(16)).flops
    assert flops_range(Trap(), samples=3) == (smallest, largest)


def test_refused_draws_count_for_no_network():
    sample = sample_space(Refusing(), samples=2000)
    assert not sample.exact
    assert sample.impossible == pytest.approx(1000, abs=120)
    half = 36**6 * 48 / 2
    assert abs(sample.size.networks - half) < 4 * sample.size.standard_error
    assert sample.smallest == 51_594_768
    assert sample.flops[sample.flops >= 0].min() >= sample.smallest


def test_a_space_without_possible_networks_says_why():
    with pytest.raises(SpaceError, match=r"'impossible' is possible; .*stage\.channels is"):
        flops_range(Impossible())


def test_the_same_seed_gives_the_same_sample():
    one, again = (sample_space(MBConvSpace(), samples=300, seed=2) for _ in range(2))
    assert np.array_equal(one.flops, again.flops)
    other = sample_space(MBConvSpace(), samples=300, seed=3)
    assert not np.array_equal(one.flops, other.flops)


def test_a_space_may_choose_its_resolution():
    class Sized(MBConvSpace):
        def sample(self, suggest):
            resolution = suggest.suggest_categorical("resolution", (96, 128))
            return dataclasses.replace(super().sample(suggest), resolution=resolution)

    assert sample_space(Sized(), samples=100).resolutions == (96, 128)
