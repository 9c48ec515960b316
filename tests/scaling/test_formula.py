import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.family import formula_family, formula_member, member_name
from nas.search_spaces.efficientnet import efficientnet_b0

B0 = efficientnet_b0()


def realised(phi, multiple):
    return formula_member(B0, PAPER, phi, resolution_multiple=multiple).realised_ratio


def test_phi_1_promises_1_92_and_costs_2_23_at_256_px_and_2_57_at_the_formula_s_own_size():
    assert PAPER.nominal_ratio == pytest.approx(1.9203, abs=1e-4)
    assert round(realised(1, 8), 2) == 2.23
    assert round(realised(1, 1), 2) == 2.57
    b1 = formula_member(B0, PAPER, 1, resolution_multiple=1)
    assert b1.arch.resolution == 258
    # 257.6 px rounds up; one that truncates gets 257 px, at the same cost.
    at_257 = dataclasses.replace(b1.arch, resolution=257)
    assert network_cost(at_257).flops / network_cost(B0).flops == pytest.approx(2.573, abs=1e-3)


# phi = index with (1.2, 1.1, 1.15): parameters and GMACs of scaling_consistency.csv (the project's
# facts; resolutions to the nearest pixel).
AT_INDEX = (
    (1, 9.11, 0.993),
    (2, 12.26, 1.811),
    (3, 16.35, 3.251),
    (4, 25.92, 6.32),
    (5, 33.73, 11.374),
    (6, 45.46, 20.094),
    (7, 68.74, 39.664),
)


@pytest.mark.parametrize(("phi", "params_m", "gmacs"), AT_INDEX)
def test_the_formula_at_whole_phi(phi, params_m, gmacs):
    cost = formula_member(B0, PAPER, phi, resolution_multiple=1).cost
    assert cost.params / 1e6 == pytest.approx(params_m, abs=0.006)
    assert cost.flops / 1e9 == pytest.approx(gmacs, abs=6e-4)


def test_members_are_named_by_what_they_are():
    assert [member_name(phi) for phi in (0, 1.0, 7, 8, 0.5, -1, -0.25, 1e-7, -0.0)] == [
        "b0", "b1", "b7", "phi8", "phi0.5", "phi-1", "phi-0.25", "phi1e-07", "b0",
    ]  # fmt: skip


def test_by_default_phi_is_0_to_7_and_b0_is_the_baseline():
    family = formula_family(B0, PAPER)
    assert [member.name for member in family] == [f"b{index}" for index in range(8)]
    assert family[0].arch == B0
    # Not the released network's name: this is another network.
    assert family[3].arch.name == "efficientnet-b0-formula-b3"


def test_a_repeated_phi_makes_one_member():
    assert [m.name for m in formula_family(B0, PAPER, (1, 0.5, 0.5 + 1e-15, 1.0, 0, -0.0))] == [
        "b1", "phi0.5", "b0",
    ]  # fmt: skip


def test_negative_and_fractional_phi_shrink_and_grow():
    flops = [m.cost.flops for m in formula_family(B0, PAPER, (-3, -1.5, -1, 0, 0.5, 1.5))]
    assert flops == sorted(set(flops))
    smaller = formula_member(B0, PAPER, -1)
    assert smaller.nominal_ratio == pytest.approx(1 / 1.9203, abs=1e-4)
    assert smaller.arch.resolution == 192


@given(
    st.floats(-20, 12),
    st.floats(-20, 12),
    st.tuples(st.floats(1, 1.4), st.floats(1, 1.3), st.floats(1, 1.3)),
)
def test_a_larger_phi_never_costs_less(one, other, values):
    coefficients = ScalingCoefficients(*values)
    low, high = sorted((one, other))
    small, large = (formula_member(B0, coefficients, phi).cost for phi in (low, high))
    assert small.flops <= large.flops
    assert small.params <= large.params


@pytest.mark.parametrize("bad", [0.99, 0.0, -1.2, math.nan, math.inf, 1e200])
@pytest.mark.parametrize("name", ["alpha", "beta", "gamma"])
def test_an_impossible_coefficient_is_refused_by_name(name, bad):
    with pytest.raises(ConfigError, match=f"{name} is .* at least 1"):
        dataclasses.replace(PAPER, **{name: bad})


@pytest.mark.parametrize("phi", [math.nan, math.inf, 60, 1000, 1e9, -1e6])
def test_an_impossible_phi_is_refused_by_value(phi):
    with pytest.raises(ConfigError, match=r"phi (is )?"):
        formula_family(B0, PAPER, (0, phi))
