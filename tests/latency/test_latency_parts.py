"""What a network is cut into, and what its parts are said to do."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest

from nas.archs import find_network
from nas.cost import network_cost
from nas.latency.parts import parts_of
from nas.plugins import load_space
from nas.references import REFERENCES
from nas.space import random_network
from nas.spec import ArchSpec


def multiply_adds(arch: ArchSpec) -> float:
    """The FLOPs that features tell of: multiply-adds, and those of depthwise outputs."""
    total = 0.0
    for part in parts_of(arch):
        for name, amount in part.features.items():
            depthwise = re.match(r"depthwise k(\d+) s\d+ outputs", name)
            if depthwise:
                total += amount * int(depthwise[1]) ** 2
            elif " macs" in name:
                total += amount
    return total


@pytest.mark.parametrize("space", ["mbconv", "mbconv-elastic", "mnasnet", "mobilenet", "resnet"])
def test_the_features_of_any_network_account_for_its_flops(space: str) -> None:
    source = random.Random(3)
    for _ in range(25):
        arch, _ = random_network(load_space(space), source)
        assert multiply_adds(arch) == network_cost(arch).flops


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_so_do_those_of_the_references(name: str) -> None:
    arch = find_network(name)
    assert multiply_adds(arch) == network_cost(arch).flops


def test_a_part_is_known_by_what_it_does_not_by_where_it_stands() -> None:
    b0 = find_network("efficientnet-b0")
    keys = [part.key for part in parts_of(b0)]
    assert len(keys) == 18
    # B0's stages of 2, 2, 3, 3, 4 layers repeat their second block.
    assert len(set(keys)) == 14
    assert [part.key for part in parts_of(dataclasses.replace(b0, drop_path=0.0))] == keys


@pytest.mark.parametrize(
    "change",
    [{"kernel": 3}, {"se": None}, {"expand_ratio": 4.0}, {"activation": "relu"}, {"skip": False}],
)
def test_what_changes_the_work_changes_the_key(change: dict[str, object]) -> None:
    b0 = find_network("efficientnet-b0")
    stages = list(b0.stages)
    stages[5] = dataclasses.replace(stages[5], **change)  # type: ignore[arg-type]
    other = dataclasses.replace(b0, stages=tuple(stages))
    before, after = ([part.key for part in parts_of(arch)] for arch in (b0, other))
    changed = [i for i, (one, two) in enumerate(zip(before, after, strict=True)) if one != two]
    assert changed == [12, 13, 14, 15]


def test_a_fourfold_image_is_other_work() -> None:
    small, large = (dataclasses.replace(find_network("resnet-50"), resolution=r) for r in (64, 128))
    shared = {part.key for part in parts_of(small)} & {part.key for part in parts_of(large)}
    assert not shared
