import numpy as np

from nas.samplers.steps import Steps


def test_squared_distances_of_steps_are_differences_of_coordinates() -> None:
    levels = [np.array([-1.2, 0.1, 1.1]), np.array([1.0, -1.0]), np.zeros(4)]
    rng = np.random.default_rng(0)
    x = np.stack([rng.choice(of_column, 30) for of_column in levels], axis=1)
    steps = Steps(levels)(x)
    assert steps.shape == (30, 3)
    squares = ((steps[:, None] - steps[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squares, np.abs(x[:, None] - x[None]).sum(axis=2), atol=1e-12)


def test_costs_behind_the_last_question_are_no_steps() -> None:
    steps = Steps([np.array([0.0, 1.0])])(np.array([[0.0, -5.0], [1.0, 5.0]]))
    assert steps.tolist() == [[0.0], [1.0]]
    assert Steps([])(np.ones((2, 3))).shape == (2, 0)
