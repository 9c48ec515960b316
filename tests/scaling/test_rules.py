"""Families by rule and by size."""

from __future__ import annotations

import dataclasses

import pytest

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.coefficient_files import read_coefficients, write_coefficients
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import published_family
from nas.scaling.rules import RULES, find_rule
from nas.scaling.sized_family import grown_dropout, published_ratios, sized_family
from nas.scaling.steps import Direction
from nas.search_spaces.efficientnet import efficientnet_b0

B0 = efficientnet_b0()

# Depth, width and resolution per doubling of FLOPs, as facebookresearch/pycls and the definitions
# of the single dimensions give them.
PER_DOUBLING = {
    "uniform": (1.26, 1.122, 1.122),
    "fast": (1.072, 1.32, 1.035),
    "depth": (2, 1, 1),
    "width": (1, 1.414, 1),
    "resolution": (1, 1, 1.414),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_doubles_the_nominal_flops(name: str) -> None:
    c = find_rule(name).coefficients
    assert c.nominal_ratio == pytest.approx(2)
    assert (c.alpha, c.beta, c.gamma) == pytest.approx(PER_DOUBLING[name], abs=1e-3)


@pytest.mark.parametrize("name", RULES)
def test_members_meet_the_released_sizes_as_closely_as_rounding_lets_them(name: str) -> None:
    coefficients = find_rule(name).coefficients
    members = sized_family(B0, name, coefficients)
    assert [member.name for member in members] == [f"b{index}" for index in range(8)]
    assert members[0].arch == B0
    direction = Direction(B0, "compound", coefficients, 8)
    for member, released in zip(members[1:], published_family()[1:], strict=True):
        step = direction.step(member.phi or 0.0)
        assert step.arch == dataclasses.replace(
            member.arch, name="", head=dataclasses.replace(member.arch.head, dropout=0.2)
        )
        gap = abs(member.cost.flops - released.cost.flops)
        for other in (direction.before(step), direction.after(step)):
            assert other is None or gap <= abs(other.cost.flops - released.cost.flops)


def test_single_dimensions_grow_nothing_else() -> None:
    (_, deep), (_, wide), (_, sharp) = (
        sized_family(B0, name, find_rule(name).coefficients, [4])
        for name in ("depth", "width", "resolution")
    )
    assert [s.channels for s in deep.arch.stages] == [s.channels for s in B0.stages]
    assert deep.arch.resolution == wide.arch.resolution == B0.resolution
    assert [s.layers for s in wide.arch.stages] == [s.layers for s in B0.stages]
    assert sharp.cost.params == network_cost(B0).params


def test_sizes_below_the_baseline_have_their_own_names() -> None:
    members = sized_family(B0, "uniform", find_rule("uniform").coefficients, [2, 0.5])
    assert [member.name for member in members] == ["x0.5", "b0", "b1"]
    assert [m.cost.flops for m in members] == sorted(m.cost.flops for m in members)
    assert members[0].arch.head.dropout == B0.head.dropout
    with pytest.raises(ConfigError, match="ratio of -1 makes no network"):
        sized_family(B0, "uniform", find_rule("uniform").coefficients, [-1])


def test_dropout_grows_as_in_the_released_family() -> None:
    ratios = published_ratios()
    assert (grown_dropout(0.2, 1.0), grown_dropout(0.2, ratios[-1])) == (0.2, 0.5)
    for member in published_family()[1:]:
        assert grown_dropout(0.2, member.realised_ratio) == pytest.approx(
            member.arch.head.dropout, abs=0.06
        )
    assert grown_dropout(0.0, 50.0) == 0.0
    assert grown_dropout(0.2, 0.5) == 0.2


def test_coefficients_survive_a_file(tmp_path) -> None:
    given = ScalingCoefficients(1.2, 1.1, 1.15)
    write_coefficients(tmp_path / "coefficients.json", given, {"found_by": "the paper"})
    assert read_coefficients(tmp_path) == given
    assert read_coefficients(tmp_path / "coefficients.json") == given


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[1, 2]", "holds no object"),
        ('{"alpha": 1.2, "beta": 1.1}', "lacks a number"),
        ('{"alpha": 1.2, "beta": 1.1, "gamma": true}', "lacks a number"),
        ('{"alpha": 0.5, "beta": 1.1, "gamma": 1.1}', "alpha is 0.5"),
        ('{"schema": 9, "alpha": 1.2, "beta": 1.1, "gamma": 1.1}', "schema 9"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read_coefficients(path)
    assert "mine.json" in str(caught.value)
    with pytest.raises(ConfigError, match="cannot read coefficients"):
        read_coefficients(tmp_path / "none.json")
