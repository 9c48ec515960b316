import numpy as np
import pytest

from nas.samplers import belief
from nas.samplers.belief import CAREFUL, CHEAP, Believer
from nas.samplers.history import without_collapses
from nas.samplers.kernel import Kernel


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
    ordinary = np.linspace(0.55, 0.66, 19)
    kept = without_collapses(np.append(ordinary, 0.001))
    assert (kept[:-1] == ordinary).all()
    assert 0.001 < kept[-1] < 0.55


def test_a_search_that_has_closed_in_keeps_its_first_scattered_readings() -> None:
    # Raised, a poor but tiny network would be recommended under a reward that favours small ones.
    readings = np.concatenate([np.linspace(52, 62, 12), np.linspace(65.5, 67, 88)])
    assert (without_collapses(readings) == readings).all()
