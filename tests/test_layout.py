"""A network as the paper's Table 1, and what differs between two."""

from __future__ import annotations

import dataclasses
import random

import pytest

from nas.archs import find_network
from nas.layout import describe_squeeze_excite, difference, layout, network_settings
from nas.plugins import SPACES, load_space
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.space import random_network
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite

# EfficientNet (1905.11946v5), Table 1: stage, kernel, resolution, channels, layers; the stride and
# expand ratio of each from the authors' code.
TABLE_1 = (
    (1, 3, 224, 32, 1, 2, None),
    (2, 3, 112, 16, 1, 1, 1),
    (3, 3, 112, 24, 2, 2, 6),
    (4, 5, 56, 40, 2, 2, 6),
    (5, 3, 28, 80, 3, 2, 6),
    (6, 5, 14, 112, 3, 1, 6),
    (7, 5, 14, 192, 4, 2, 6),
    (8, 3, 7, 320, 1, 1, 6),
    (9, None, 7, 1280, 1, None, None),
)


def test_b0_is_the_papers_table_1() -> None:
    shown = tuple(
        (
            row.number,
            row.settings.get("kernel"),
            row.resolution,
            *(row.settings.get(name) for name in ("channels", "layers", "stride", "expand")),
        )
        for row in layout(efficientnet_b0())
    )
    assert shown == TABLE_1
    assert {row.settings["se"] for row in layout(efficientnet_b0())[1:-1]} == {"0.25"}


@pytest.mark.parametrize("name", sorted(SPACES.built_in))
def test_any_network_of_any_space_has_a_layout_and_equals_itself(name: str) -> None:
    source = random.Random(0)
    for _ in range(20):
        arch, _ = random_network(load_space(name), source)
        rows = layout(arch)
        assert [row.part for row in rows] == [
            "stem",
            *(f"stage{index}" for index in range(len(arch.stages))),
            "head",
        ]
        assert difference(arch, arch).same
        assert difference(arch, ArchSpec.from_json(arch.to_json())).same


def test_what_differs_is_named_with_both_values() -> None:
    b0 = efficientnet_b0()
    stages = list(b0.stages)
    stages[3] = dataclasses.replace(stages[3], kernel=7, se=None, skip=False)
    stages[5] = dataclasses.replace(stages[5], options=(("skip", "pool"),))
    other = dataclasses.replace(
        b0, stages=tuple(stages), activation="relu", head=HeadSpec(640, dropout=0.2)
    )
    found = difference(b0, other)
    assert found.network == {"activation": ("silu", "relu")}
    assert found.rows == {
        "stage3": {"kernel": (3, 7), "se": ("0.25", None), "skip": (True, False)},
        "stage5": {"options.skip": (None, "pool")},
        "head": {"channels": (1280, 640)},
    }
    assert not found.same
    assert (found.only_first, found.only_second) == ((), ())


def test_stages_that_only_one_network_has_are_named() -> None:
    b0 = efficientnet_b0()
    shorter = dataclasses.replace(b0, stages=b0.stages[:5])
    assert difference(b0, shorter).only_first == ("stage5", "stage6")
    assert difference(shorter, b0).only_second == ("stage5", "stage6")
    assert not difference(b0, shorter).rows


def test_equal_digests_mean_no_difference_and_the_other_way_round() -> None:
    source = random.Random(3)
    networks = [random_network(load_space("mnasnet"), source)[0] for _ in range(6)]
    networks += [find_network(name) for name in ("mobilenet-v3-small", "resnet-50", "mnasnet-a1")]
    for first in networks:
        for second in networks:
            assert difference(first, second).same == (first.digest() == second.digest())


def test_every_setting_of_a_spec_is_compared() -> None:
    b0 = efficientnet_b0()
    for name, value in (
        ("resolution", 96),
        ("classes", 10),
        ("in_channels", 1),
        ("drop_path", 0.1),
        ("norm", dataclasses.replace(b0.norm, momentum=0.5)),
        ("stem", dataclasses.replace(b0.stem, kernel=5)),
        ("stem", dataclasses.replace(b0.stem, stride=1)),
        ("stem", dataclasses.replace(b0.stem, activation="relu")),
        ("stem", dataclasses.replace(b0.stem, max_pool=True)),
        ("head", dataclasses.replace(b0.head, hidden=64)),
        ("head", dataclasses.replace(b0.head, dropout=0.3)),
        ("head", dataclasses.replace(b0.head, activation="relu")),
    ):
        assert not difference(b0, dataclasses.replace(b0, **{name: value})).same, name
    assert set(network_settings(b0)) >= {"resolution", "classes", "in_channels", "norm.eps"}


@pytest.mark.parametrize(
    ("se", "text"),
    [
        (None, None),
        (SqueezeExcite(), "0.25"),
        (SqueezeExcite(0.5), "0.5"),
        (
            SqueezeExcite(0.25, "expanded", 8, "relu", "hard-sigmoid"),
            "0.25 of expanded, multiple of 8, relu, hard-sigmoid",
        ),
    ],
)
def test_squeeze_excite_in_words(se: SqueezeExcite | None, text: str | None) -> None:
    assert describe_squeeze_excite(se) == text
