"""The reward, as MnasNet and EfficientNet print it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.arithmetic import Cost
from nas.errors import ConfigError
from nas.objective import Bound, WeightedProduct, direction, hard_reward, paper_reward

T = 400_000_000


@given(st.floats(0, 1), st.sampled_from([hard_reward(T), paper_reward(T)]))
def test_the_reward_is_the_accuracy_at_the_target(accuracy: float, reward: WeightedProduct) -> None:
    assert reward(accuracy, Cost(flops=T)) == accuracy


def test_hard_honours_the_target() -> None:
    reward = hard_reward(T)
    assert reward(0.7, Cost(flops=T // 2)) == 0.7
    assert reward(0.7, Cost(flops=2 * T)) == pytest.approx(0.35)


def test_twice_the_flops_cost_the_paper_five_percent() -> None:
    reward = paper_reward(T)
    ratio = reward(0.7, Cost(flops=T)) / reward(0.7, Cost(flops=2 * T))
    assert ratio == pytest.approx(1.05, abs=0.001)


@given(
    st.lists(st.tuples(st.floats(0.1, 1), st.integers(10**7, 10**9)), min_size=2, max_size=8),
    st.integers(10**7, 10**9),
)
def test_with_one_exponent_the_target_is_only_a_constant_factor(
    networks: list[tuple[float, int]], other: int
) -> None:
    """So the paper's reward has the same winner for every T, which is why it is not the default."""

    def rewards(target: int) -> list[float]:
        return [paper_reward(target)(accuracy, Cost(flops=flops)) for accuracy, flops in networks]

    factor = (T / other) ** -0.07
    assert rewards(other) == pytest.approx([reward * factor for reward in rewards(T)])


@pytest.mark.parametrize("exponents", [(0.1, -1.0), (0.0, 0.5), (float("nan"), -1)])
def test_an_exponent_that_rewards_cost_is_refused(exponents: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="w <= 0"):
        WeightedProduct("w", T, *exponents)


def test_a_bound_tells_how_far_a_network_is_beyond_it() -> None:
    assert Bound("params", 4e6).violation({"params": 5e6}) == pytest.approx(0.25)
    assert Bound("params", 4e6).violation({"params": 4e6}) == 0
    assert Bound("throughput:a100", 9000, "min").violation({"throughput:a100": 4500}) == 1
    with pytest.raises(ConfigError, match="positive"):
        Bound("params", 0)


def test_directions() -> None:
    names = ("accuracy", "flops", "latency:x", "throughput:x", "reward")
    assert [direction(n)[:3] for n in names] == ["max", "min", "min", "max", "max"]
