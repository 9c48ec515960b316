import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.rounding import round_channels, round_layers, round_resolution
from nas.scaling.transform import scale
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec, HeadSpec

B0 = efficientnet_b0()
B0_FLOPS = 385_814_752

channels = st.floats(0.01, 20_000)
multipliers = st.floats(0.05, 6)


def ratio(arch: ArchSpec) -> float:
    return network_cost(arch).flops / B0_FLOPS


@given(channels)
def test_channels_are_a_multiple_of_8_and_never_lose_more_than_a_tenth(value):
    rounded = round_channels(value)
    assert rounded % 8 == 0
    assert rounded >= 8
    assert rounded >= 0.9 * value


@given(channels, channels)
def test_channels_grow_with_what_is_rounded(one, other):
    low, high = sorted((one, other))
    assert round_channels(low) <= round_channels(high)


@given(st.integers(1, 60), multipliers)
def test_layers_go_up_to_the_next_whole_one(layers, depth):
    rounded = round_layers(layers, depth)
    assert rounded >= 1
    assert layers * depth - 1e-6 <= rounded < max(layers * depth, 1) + 1


@given(st.integers(1, 60), multipliers, multipliers)
def test_layers_grow_with_depth(layers, one, other):
    low, high = sorted((one, other))
    assert round_layers(layers, low) <= round_layers(layers, high)


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_depth_that_is_whole_up_to_floating_point_error_adds_no_layer(layers, wanted):
    for depth in (wanted / layers, wanted / layers * (1 + 1e-15), 3 * (wanted / layers / 3)):
        assert round_layers(layers, depth) == wanted


@given(st.floats(1, 5000), st.sampled_from((1, 4, 8, 32)))
def test_a_resolution_is_the_nearest_multiple(resolution, multiple):
    rounded = round_resolution(resolution, multiple)
    assert rounded % multiple == 0
    assert rounded >= multiple
    assert abs(rounded - resolution) <= multiple / 2 or rounded == multiple


@given(
    st.tuples(multipliers, multipliers, multipliers),
    st.tuples(multipliers, multipliers, multipliers),
)
def test_scaling_is_monotone_in_every_figure(one, other):
    def cost(values):
        depth, width, resolution = values
        return network_cost(scale(B0, depth=depth, width=width, resolution=resolution))

    small = cost(tuple(map(min, one, other)))
    large = cost(tuple(map(max, one, other)))
    assert small.flops <= large.flops
    assert small.params <= large.params
    assert small.activations <= large.activations


def test_width_reaches_the_hidden_layer():
    hidden = dataclasses.replace(B0, head=HeadSpec(960, hidden=1284))
    assert scale(hidden, width=1.5).head.hidden == 1928
    assert scale(hidden, depth=2).head.hidden == 1284


def test_multipliers_of_one_change_nothing_even_off_the_grid():
    odd = dataclasses.replace(B0, head=HeadSpec(1283, 0.2), resolution=227)
    assert scale(odd, resolution_multiple=8) == odd
    assert scale(odd, depth=2).head.channels == 1283
    assert scale(odd, width=1.0001).head.channels == 1280


@pytest.mark.parametrize("name", ["width", "depth", "resolution"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_multiplier_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        scale(B0, **{name: value})


# What rounding does to B0; source: the project's facts, rounding_quantisation.csv, computed there
# independently with the ceil rule, the divisor 8 with its 0.9 rule, and SAME padding.


@pytest.mark.parametrize("depth", [1.0001, 1.01, 1.1, 1.2, 1.25])
def test_every_depth_up_to_a_quarter_more_is_one_network_that_costs_48_percent_more(depth):
    deeper = scale(B0, depth=depth)
    assert [stage.layers for stage in deeper.stages] == [2, 3, 3, 4, 4, 5, 2]
    assert deeper.depth == 23
    assert ratio(deeper) == pytest.approx(1.476, abs=6e-4)


@pytest.mark.parametrize(
    ("depth", "layers", "expected"),
    [(1.26, 24, 1.537), (1.34, 26, 1.663), (1.51, 29, 1.841), (1.67, 31, 1.967), (1.76, 32, 2.028)],
)
def test_depth_jumps(depth, layers, expected):
    deeper = scale(B0, depth=depth)
    assert deeper.depth == layers
    assert ratio(deeper) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1.01, 1.001), (1.1, 1.148), (1.11, 1.206), (1.12, 1.394), (1.2, 1.518), (1.5, 2.237)],
)
def test_width_jumps_where_the_stem_does(width, expected):
    assert ratio(scale(B0, width=width)) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [(225, 1.165), (240, 1.199), (256, 1.305), (257, 1.492), (260, 1.494), (288, 1.65)],
)
def test_resolution_jumps_after_a_multiple_of_32(pixels, expected):
    assert ratio(scale(B0, resolution_px=pixels)) == pytest.approx(expected, abs=6e-4)
