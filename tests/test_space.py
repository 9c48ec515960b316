import dataclasses
import random

import pytest

from nas.archs import resized
from nas.errors import SpaceError
from nas.scaling.published import published_member
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import HasParameters, HasReference, SearchSpace, random_network, rebuild
from nas.spec import HeadSpec
from nas.suggest import FixedSuggest, RandomSuggest


@pytest.fixture(scope="module")
def space():
    return MBConvSpace()


def test_mbconv_has_the_powers_it_promises(space):
    assert isinstance(space, SearchSpace)
    assert isinstance(space, HasReference)
    assert isinstance(space, HasParameters)
    assert space.name == "mbconv"


def test_mbconv_asks_28_questions_and_holds_1e11_networks(space):
    _, suggest = random_network(space, 0)
    assert len(suggest.params) == 28
    assert suggest.paths == 36**6 * 48 == 104_485_552_128
    assert suggest.choices["stage0.expand"] == (1, 4, 6)
    assert suggest.choices["stage0.kernel"] == (3, 5)
    assert suggest.choices["stage4.layers"] == (1, 2, 3)
    assert suggest.choices["stage5.layers"] == (1, 2, 3, 4)
    assert suggest.choices["stage6.se"] == (False, True)


def test_mbconv_holds_b0(space):
    params = space.parameters(efficientnet_b0())
    assert params is not None
    assert rebuild(space, params) == efficientnet_b0()
    assert space.reference() == efficientnet_b0()
    assert [params[f"stage{i}.layers"] for i in range(7)] == [1, 2, 2, 3, 3, 4, 1]


def test_parameters_are_the_inverse_of_sampling(space):
    source = random.Random(1)
    for _ in range(200):
        arch, suggest = random_network(space, source)
        assert space.parameters(arch) == suggest.params
        assert rebuild(space, suggest.params) == arch


def test_settings_are_no_choices(space):
    resized_b0 = resized(efficientnet_b0(), resolution=160, classes=10, in_channels=1)
    assert space.parameters(resized_b0) == space.parameters(efficientnet_b0())


@pytest.mark.parametrize(
    "outside",
    [
        published_member("b1"),
        published_member("b2"),
        dataclasses.replace(efficientnet_b0(), stages=efficientnet_b0().stages[:6]),
        dataclasses.replace(efficientnet_b0(), head=HeadSpec(1280)),
        dataclasses.replace(efficientnet_b0(), activation="relu"),
    ],
)
def test_what_the_space_does_not_hold_has_no_parameters(space, outside):
    assert space.parameters(outside) is None


def test_a_seed_gives_the_same_network_again(space):
    assert random_network(space, 5)[0] == random_network(space, 5)[0]
    assert random_network(space, 5)[0] != random_network(space, 6)[0]


def test_every_choice_is_drawn_about_equally_often(space):
    source = random.Random(0)
    expands = [random_network(space, source)[1].params["stage3.expand"] for _ in range(3000)]
    for choice in (1, 4, 6):
        # Five standard deviations of a binomial draw.
        assert abs(expands.count(choice) - 1000) < 5 * (3000 * 2 / 9) ** 0.5


def test_a_missing_or_foreign_answer_is_named(space):
    params = space.parameters(efficientnet_b0())
    incomplete = {name: value for name, value in params.items() if name != "stage3.kernel"}
    with pytest.raises(SpaceError, match=r"'stage3\.kernel' is missing"):
        rebuild(space, incomplete)
    with pytest.raises(SpaceError, match=r"'stage3\.kernel' is 7, which is not one of 3, 5"):
        rebuild(space, params | {"stage3.kernel": 7})


def test_a_gap_may_be_filled_at_random(space):
    suggest = FixedSuggest({"stage0.expand": 4, "stage1.expand": 99}, otherwise=random.Random(0))
    arch = space.sample(suggest)
    assert arch.stages[0].expand_ratio == 4
    assert arch.stages[1].expand_ratio in (1, 4, 6)


def test_an_answer_keeps_the_type_of_its_choice():
    # JSON and data tables hold 1 where the space says True.
    suggest = FixedSuggest({"se": 1, "ratio": 4.0})
    assert suggest.suggest_categorical("se", (False, True)) is True
    assert type(suggest.suggest_categorical("ratio", (1, 4))) is int


def test_the_same_question_has_one_answer_and_one_meaning():
    suggest = RandomSuggest(0)
    first = suggest.suggest_int("width", 8, 64, step=8)
    assert first in range(8, 65, 8)
    assert suggest.suggest_int("width", 8, 64, step=8) == first
    assert suggest.paths == 8
    with pytest.raises(SpaceError, match="'width' is asked twice"):
        suggest.suggest_int("width", 8, 32, step=8)
    with pytest.raises(SpaceError, match="'empty' has no choices"):
        suggest.suggest_categorical("empty", ())


def test_optuna_trials_answer_the_same_questions(space):
    optuna = pytest.importorskip("optuna")
    params = space.parameters(efficientnet_b0())
    assert space.sample(optuna.trial.FixedTrial(params)) == efficientnet_b0()
