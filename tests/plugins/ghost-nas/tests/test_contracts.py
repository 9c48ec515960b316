"""The contract tests that compound-nas offers to authors of plug-ins, on everything we offer."""

import dataclasses

import pytest
from ghost_nas.block import GHOST
from ghost_nas.evaluator import GhostToy
from ghost_nas.reward import LinearPenalty
from ghost_nas.space import GhostSpace

from nas.cost import network_cost
from nas.errors import SpecError
from nas.space import random_network
from nas.testing import check_block_kind, check_evaluator, check_reward, check_space


def test_the_space_keeps_its_contract() -> None:
    check_space(GhostSpace(), samples=12)


def test_the_block_costs_what_torch_counts() -> None:
    check_block_kind(GHOST, kernels=(3,), sizes=(1, 7), options=({}, {"ratio": 3}))


def test_the_evaluator_keeps_its_contract() -> None:
    space = GhostSpace()
    networks = [random_network(space, seed)[0] for seed in range(5)]
    check_evaluator(GhostToy(), networks, space=space)


def test_the_reward_keeps_its_contract() -> None:
    check_reward(LinearPenalty(target_flops=140_000_000))


def test_the_reference_costs_about_what_ghostnet_does() -> None:
    # GhostNet 1.0 has 141M FLOPs (1911.11907, table 7). Ours lacks its shortcut convolutions.
    assert network_cost(GhostSpace().reference()).flops == pytest.approx(141e6, rel=0.1)


def test_an_unknown_option_is_refused_by_name() -> None:
    arch = GhostSpace().reference()
    stage = dataclasses.replace(arch.stages[0], options=(("ratios", 2),))
    wrong = dataclasses.replace(arch, stages=(stage, *arch.stages[1:]))
    with pytest.raises(SpecError, match="ratios is unknown"):
        network_cost(wrong)
