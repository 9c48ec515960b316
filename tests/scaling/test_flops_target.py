import dataclasses
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.steps import WAYS, Direction, last_true, roundest
from nas.scaling.target import fit_to_flops
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import HeadSpec, StemSpec

B0 = efficientnet_b0()
B0_FLOPS = 385_814_752
TARGETS = (190_000_000, 250_000_000, B0_FLOPS - 1, B0_FLOPS, 400_000_000, 10**9, 2_500_000_000)


def direction(by, multiple=8, baseline=B0, coefficients=PAPER):
    return Direction(baseline, by, coefficients if by == "compound" else None, multiple)


@cache
def brute_force(by, multiple):
    """FLOPs of every network that a fine grid of multipliers meets, sorted."""
    low, high = (-3.0, 3.5) if by == "compound" else (0.1, 6.5)
    way = direction(by, multiple)
    return sorted({network_cost(way.network(float(x))).flops for x in np.linspace(low, high, 4001)})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize("by", WAYS)
def test_no_multiplier_of_a_fine_grid_comes_closer(by, multiple, target):
    fit = fit_to_flops(direction(by, multiple), target)
    grid = brute_force(by, multiple)
    assert grid[0] <= target < grid[-1]
    below, above = fit.below.cost.flops, fit.above.cost.flops
    assert max(flops for flops in grid if flops <= target) <= below <= target
    assert target < above <= min(flops for flops in grid if flops > target)
    closest = min(abs(flops - target) for flops in grid)
    assert abs(fit.nearest.cost.flops - target) <= closest


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("by", WAYS)
def test_the_interval_is_exact_to_the_last_floating_point_number(by, target):
    way = direction(by)
    fit = fit_to_flops(way, target)
    # One layer per stage is the smallest network of depth scaling; nothing is below it.
    assert (fit.smaller is None) == (fit.below.low is None)
    around = (fit.smaller, fit.below, fit.above, fit.larger)
    for step in (step for step in around if step is not None):
        assert way.network(step.high) == step.arch
        assert way.network(math.nextafter(step.high, math.inf)) != step.arch
        assert step.cost == network_cost(step.arch)
        if step.low is not None:
            assert way.network(step.low) == step.arch
            assert way.network(math.nextafter(step.low, -math.inf)) != step.arch
            assert step.low <= step.multiplier <= step.high
        assert way.network(step.multiplier) == step.arch


@pytest.mark.parametrize("by", WAYS)
def test_steps_tile_the_line_and_never_cost_less(by):
    way = direction(by)
    step = way.step(0.3 if by == "compound" else 1.15)
    for _ in range(25):
        following = way.after(step)
        assert following.low == math.nextafter(step.high, math.inf)
        assert following.cost.flops >= step.cost.flops
        assert way.before(following) == step
        step = following


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(WAYS),
    st.integers(180_000_000, 40_000_000_000),
    st.tuples(st.floats(1.01, 2), st.floats(1, 1.5), st.floats(1, 1.5)),
)
def test_the_target_lies_between_two_neighbours(by, target, values):
    fit = fit_to_flops(direction(by, coefficients=ScalingCoefficients(*values)), target)
    assert fit.below.cost.flops <= target < fit.above.cost.flops
    assert fit.above.low == math.nextafter(fit.below.high, math.inf)
    assert fit.nearest in (fit.below, fit.above)


def test_depth_cannot_meet_400m_and_says_by_how_much():
    # Any depth above 1 adds a layer to every stage: rounding_quantisation.csv, 1.476 times B0.
    fit = fit_to_flops(direction("depth"), 400_000_000)
    assert fit.below.arch == B0
    assert fit.above.cost.flops / B0_FLOPS == pytest.approx(1.4765, abs=1e-4)
    assert (fit.above.low, fit.above.high) == pytest.approx((1, 1.25), abs=1e-8)
    assert fit.above.multiplier == 1.1
    assert fit.nearest is fit.below


def test_meeting_the_baseline_s_own_flops_gives_the_baseline():
    for by in WAYS:
        fit = fit_to_flops(direction(by), B0_FLOPS)
        assert fit.below.arch == B0
        assert fit.nearest.arch == B0


def test_a_baseline_off_the_rounding_grid_can_be_met_too():
    odd = dataclasses.replace(
        B0, stem=StemSpec(30), head=HeadSpec(1283, dropout=0.2), resolution=227, name="odd"
    )
    for by in WAYS:
        way = direction(by, baseline=odd)
        if by != "depth":
            assert way.network(way.neutral) != odd
        fit = fit_to_flops(way, network_cost(odd).flops)
        assert fit.below.cost.flops == network_cost(odd).flops
        assert network_cost(odd).flops < fit.above.cost.flops


@pytest.mark.parametrize("by", WAYS)
def test_a_target_below_the_smallest_network_is_refused(by):
    with pytest.raises(ConfigError, match=rf"3\.000k is below the smallest network that {by}"):
        fit_to_flops(direction(by), 3000)


def test_a_bare_number_is_answered_with_the_unit_that_was_meant():
    with pytest.raises(ConfigError, match=r"target FLOPs 400 .*; did you mean 400M\?"):
        fit_to_flops(direction("compound"), 400)


@pytest.mark.parametrize("by", ["width", "depth", "resolution"])
def test_a_target_above_the_largest_network_is_refused(by):
    with pytest.raises(ConfigError, match=rf"above the largest network that {by} scaling"):
        fit_to_flops(direction(by), 10**18)


def test_coefficients_that_scale_nothing_are_refused():
    with pytest.raises(ConfigError, match="all 1"):
        direction("compound", coefficients=ScalingCoefficients(1, 1, 1))
    with pytest.raises(ConfigError, match="needs coefficients"):
        direction("compound", coefficients=None)
    with pytest.raises(ConfigError, match="'wdith'; choose one of compound"):
        direction("wdith")


def test_last_true_ends_at_neighbouring_numbers():
    below, above = last_true(lambda x: x * x <= 2, 0.0, 9.0)
    assert above == math.nextafter(below, 9)
    assert below * below <= 2 < above * above


@given(st.floats(-50, 50), st.floats(0, 3))
def test_roundest_lies_inside_and_is_short(low, width):
    found = roundest(low, low + width)
    assert low <= found <= low + width
    if width > 0.011:
        assert found == round(found, 2)
