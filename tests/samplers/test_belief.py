import numpy as np
import pytest

from nas.samplers import belief
from nas.samplers.belief import CAREFUL, CHEAP, Believer
from nas.samplers.gaussian_process import Kernel
from nas.samplers.history import without_collapses


def test_parameters_are_learnt_at_milestones_and_from_the_readings_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt = []

    def counted(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        learnt.append(len(y))
        return kernel.prior.center

    monkeypatch.setattr(belief, "learn", counted)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 3)), rng.normal(size=120)
    believer = Believer(Kernel(np.array([0, 1, 2]), 3), CAREFUL)
    for count in range(100, 121):
        believer.posterior(x[:count], y[:count], y[:count])
    assert learnt == [94, 103, 113]


def test_no_more_rows_are_held_than_the_budget_allows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 3)), rng.normal(size=400)
    posterior = Believer(Kernel(np.array([0, 1, 2]), 3), CHEAP).posterior(x, y, y)
    assert len(posterior._x) <= CHEAP.rows
    assert y.max() in posterior._y


def test_a_collapse_is_raised_to_a_floor_and_ordinary_readings_are_kept() -> None:
    readings = np.array([0.60, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67, 0.68, 0.69, 0.001])
    kept = without_collapses(readings)
    assert (kept[:-1] == readings[:-1]).all()
    assert 0.001 < kept[-1] < 0.6
