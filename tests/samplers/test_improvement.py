import numpy as np
import pytest

from nas.samplers.improvement import (
    expected_chebyshev,
    expected_excess,
    expected_hypervolume,
    front,
    log_expected_improvement,
)


@pytest.mark.parametrize("mean", [-30.0, -6.0, -4.99, -1.0, 0.0, 2.0])
def test_log_expected_improvement_is_right_near_and_far(mean: float) -> None:
    from scipy.integrate import quad

    exact = quad(lambda gain: gain * np.exp(-0.5 * gain * gain - gain * -mean), 0, 40)[0]
    expected = np.log(exact) - 0.5 * mean * mean - 0.5 * np.log(2 * np.pi)
    found = log_expected_improvement(np.array([mean]), np.array([1.0]), 0.0)
    assert found[0] == pytest.approx(expected, abs=0.02)


def test_a_front_is_what_nothing_else_beats() -> None:
    values = np.array([[1.0, 5.0], [2.0, 4.0], [2.0, 3.0], [0.5, 4.9], [3.0, 1.0], [3.0, 1.0]])
    assert front(values).tolist() == [[1.0, 5.0], [2.0, 4.0], [3.0, 1.0]]


def test_expected_hypervolume_of_certain_points_is_the_area_they_add() -> None:
    known = np.array([[1.0, 3.0], [2.0, 2.0]])
    points = np.array([[3.0, 1.0], [2.0, 3.0], [1.0, 1.0], [4.0, 4.0]])
    found = expected_hypervolume(points, np.zeros_like(points), known, np.zeros(2))
    assert found == pytest.approx([1.0, 1.0, 0.0, 11.0], abs=1e-6)


def test_expected_hypervolume_agrees_with_random_draws() -> None:
    rng = np.random.default_rng(0)
    known = rng.uniform(0, 1, (6, 2))
    mean, sd = np.array([[0.7, 0.8]]), np.array([[0.2, 0.3]])
    draws = mean + sd * rng.standard_normal((20000, 2))
    area = expected_hypervolume(draws, np.zeros_like(draws), known, np.zeros(2)).mean()
    found = expected_hypervolume(mean, sd, known, np.zeros(2))[0]
    assert found == pytest.approx(area, rel=0.03)


def test_with_nothing_known_the_whole_rectangle_counts() -> None:
    point = np.array([[2.0, 3.0]])
    nothing = np.empty((0, 2))
    assert expected_hypervolume(point, 0 * point, nothing, np.zeros(2)) == pytest.approx([6.0])


def test_expected_excess_and_chebyshev_are_ordered_as_their_points() -> None:
    excess = expected_excess(np.array([[0.0], [1.0]]), np.ones((2, 1)), np.array([0.5]))
    assert excess[1, 0] > excess[0, 0] > 0
    known = np.array([[0.2, 0.2, 0.2]])
    points = np.array([[0.3, 0.3, 0.3], [0.5, 0.5, 0.5]])
    draws = np.random.default_rng(0).standard_normal((8, 1, 3))
    gain = expected_chebyshev(
        points, 0.01 + 0 * points, known, np.zeros(3), np.full(3, 1 / 3), draws
    )
    assert gain[1] > gain[0] > 0
