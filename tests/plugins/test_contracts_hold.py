"""What we ship passes the contract tests that we ask of others."""

import pytest

from nas.blocks import BUILT_IN
from nas.plugins import load_evaluator, load_reward, load_space, reward_offers, space_offers
from nas.registry import OURS
from nas.space import random_network
from nas.testing import check_block_kind, check_evaluator, check_reward, check_space

SPACES = [offer.name for offer in space_offers() if offer.owner == OURS]
REWARDS = [offer.name for offer in reward_offers() if offer.owner == OURS]


@pytest.mark.parametrize("name", SPACES)
def test_every_built_in_space_keeps_the_contract(name: str) -> None:
    check_space(load_space(name), samples=20)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_built_in_block_kind_keeps_the_contract(name: str) -> None:
    check_block_kind(BUILT_IN[name], kernels=(3,), sizes=(1, 7))


def test_the_imagenet_predictor_keeps_the_contract() -> None:
    space = load_space("mbconv")
    networks = [random_network(space, seed)[0] for seed in range(5)]
    check_evaluator(load_evaluator("imagenet")(), networks, space=space)


@pytest.mark.parametrize("name", REWARDS)
def test_every_built_in_reward_keeps_the_contract(name: str) -> None:
    check_reward(load_reward(name)(target_flops=400_000_000))
