"""MnasNet's space: the printed choices, the two published networks, and nothing judged twice."""

from __future__ import annotations

import math
import random

import pytest
import torch

from nas.archs import find_network, resized
from nas.cost import network_cost
from nas.counting import count
from nas.search_spaces.mnasnet import (
    KERNELS,
    OPERATORS,
    SKIPS,
    WIDTHS,
    MnasNetSpace,
    channel_choices,
    layer_choices,
)
from nas.space import random_network, rebuild
from nas.spec import ArchSpec
from nas.suggest import FixedSuggest
from nas.testing.counting import claim_equal

SPACE = MnasNetSpace()


def test_one_stage_has_the_printed_432_choices() -> None:
    # "S = 432, B = 5" in section 4.1; squeeze-excite 0 or 0.25, layers -1, 0, +1.
    assert len(OPERATORS) * len(KERNELS) * 2 * len(SKIPS) * len(WIDTHS) * 3 == 432
    _, suggest = random_network(SPACE, 0)
    stage1 = [choices for name, choices in suggest.choices.items() if name.startswith("stage1.")]
    assert math.prod(map(len, stage1)) == 432
    assert len(suggest.params) == 43


def test_widths_and_depths_are_relative_to_mobilenet_v2() -> None:
    stages = find_network("mobilenet-v2").stages
    for index, stage in enumerate(stages):
        widths, added = channel_choices(index), {4: 112, 5: 192}.get(index)
        printed = [width for width in widths if width != added]
        for width, ratio in zip(printed, (0.75, 1, 1.25), strict=True):
            assert abs(width - stage.channels * ratio) <= 2
        assert {stage.layers - 1, stage.layers, stage.layers + 1} - {0} == {*layer_choices(index)}
    assert channel_choices(4) == (72, 96, 112, 120)
    assert channel_choices(5) == (120, 160, 192, 200)


@pytest.mark.parametrize("name", ["mnasnet-a1", "efficientnet-b0"])
def test_the_published_networks_are_in_the_space(name: str) -> None:
    arch = find_network(name)
    params = SPACE.parameters(arch)
    assert params is not None
    assert rebuild(SPACE, params) == arch
    assert rebuild(SPACE, params).digest() == arch.digest()
    assert SPACE.parameters(resized(arch, resolution=96, classes=10)) == params


def test_mnasnet_a1_costs_what_timms_does() -> None:
    timm = pytest.importorskip("timm")
    arch = SPACE.reference()
    with torch.device("meta"):
        theirs = timm.create_model("semnasnet_100")
    claim_equal(network_cost(arch), count(theirs, 3, 224), "MnasNet-A1")
    # 3.9M parameters and 312M multiply-adds in the paper.
    assert (network_cost(arch).params, network_cost(arch).flops) == (3_887_038, 311_579_072)


@pytest.mark.parametrize(
    "name", ["mobilenet-v2", "mobilenet-v3-large", "efficientnet-b1", "resnet-18"]
)
def test_other_networks_are_not(name: str) -> None:
    assert SPACE.parameters(find_network(name)) is None


def test_parameters_are_the_inverse_of_sampling() -> None:
    source = random.Random(1)
    for _ in range(200):
        arch, _ = random_network(SPACE, source)
        params = SPACE.parameters(arch)
        assert params is not None
        assert rebuild(SPACE, params) == arch


def with_skip(base: ArchSpec, stage: int, skip: str, layers: int) -> ArchSpec:
    params = SPACE.parameters(base)
    assert params is not None
    changed = {f"stage{stage}.skip": skip, f"stage{stage}.layers": layers}
    return SPACE.sample(FixedSuggest({**params, **changed}))


def test_skip_operations_that_change_nothing_make_one_network() -> None:
    # Stage 6 of one block widens 160 channels to 320: there is nothing that could be added.
    a1 = SPACE.reference()
    identity, pool, none = (with_skip(a1, 6, skip, 1) for skip in SKIPS)
    assert identity.digest() == none.digest() == a1.digest()
    assert pool.digest() != a1.digest()
    assert len({with_skip(a1, 6, skip, 2).digest() for skip in SKIPS}) == 3
    # Stage 0 narrows 32 channels to 16: pooling has nothing to add to either.
    assert len({with_skip(a1, 0, skip, 1).digest() for skip in SKIPS}) == 1


def test_each_convolution_is_its_block() -> None:
    params = SPACE.parameters(SPACE.reference())
    assert params is not None
    blocks = {}
    for operator in OPERATORS:
        stage = rebuild(SPACE, {**params, "stage1.op": operator}).stages[1]
        blocks[operator] = (stage.block, stage.expand_ratio)
    assert blocks == {
        "conv": ("conv", 1),
        "dconv": ("mbconv", 1),
        "mbconv3": ("mbconv", 3),
        "mbconv6": ("mbconv", 6),
    }
