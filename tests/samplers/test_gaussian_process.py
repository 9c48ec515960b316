import numpy as np
import pytest
from scipy.optimize import approx_fprime

from nas.samplers import kernel as kernel_room
from nas.samplers.gaussian_process import Posterior, learn
from nas.samplers.interactions import Column, Interactions
from nas.samplers.kernel import Kernel
from nas.samplers.steps import Steps

GROUP = np.array([0, 0, 1, 1, 2])
LEVELS = np.array([-1.2, 0.1, 1.1])
PLACES = [
    Column(owner, f"stage{owner % 2}", (kind, 0)) for owner, kind in enumerate(["a", "a", "b", "b"])
]


def readings(count: int = 40, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.choice(LEVELS, size=(count, 5))
    y = 60 + 3 * x[:, 0] - x[:, 2] + x[:, 0] * x[:, 1] + 2 * x[:, 4]
    return x, y + noise * rng.standard_normal(count)


@pytest.mark.parametrize("steps", [None, Steps([LEVELS] * 4)])
def test_the_gradient_that_learning_follows_is_the_slope_of_the_loss(
    monkeypatch: pytest.MonkeyPatch, steps: Steps | None
) -> None:
    import scipy.optimize

    checked = []

    def check(loss, center, **_):  # type: ignore[no-untyped-def]
        for shift in (0.0, 0.5):
            theta = center + shift
            slope = approx_fprime(theta, lambda t: loss(t)[0], 1e-6)
            np.testing.assert_allclose(loss(theta)[1], slope, rtol=2e-3, atol=2e-3)
        checked.append(True)
        return scipy.optimize.OptimizeResult(x=center)

    monkeypatch.setattr(scipy.optimize, "minimize", check)
    learn(Kernel(GROUP, 3, Interactions(PLACES), steps, with_own=True), *readings())
    assert checked


def test_it_predicts_unseen_rows_and_knows_how_well() -> None:
    x, y = readings(60)
    kernel = Kernel(GROUP, 3)
    posterior = Posterior(kernel, learn(kernel, x[:40], y[:40]), x[:40], y[:40])
    mean, sd = posterior.predict(x[40:])
    error = np.abs(mean - y[40:])
    assert error.mean() < 0.15 * y.std()
    assert (error < 4 * sd + 0.01).all()


def test_noise_is_learnt() -> None:
    kernel = Kernel(GROUP, 3)
    learnt = []
    for noise in (0.0, 1.0):
        x, y = readings(150, noise)
        learnt.append(Posterior(kernel, learn(kernel, x, y), x, y).noise)
    assert learnt[0] < 0.1
    assert 0.7 < learnt[1] < 1.4


def test_noise_stays_noise_where_networks_may_have_something_of_their_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.choice(LEVELS, size=(100, 5))
    kernel = Kernel(GROUP, 3, steps=Steps([LEVELS] * 4), with_own=True)
    theta = learn(kernel, x, rng.standard_normal(100))
    assert kernel.noise_variance(theta) > 10 * kernel.own_variance(theta)


def test_effects_that_lie_on_no_line_are_learnt() -> None:
    rng = np.random.default_rng(0)
    levels = np.linspace(-1.5, 1.5, 5)
    codes = rng.integers(0, 5, size=(120, 8))
    effects = rng.standard_normal((8, 5))
    x, y = levels[codes], effects[np.arange(8), codes].sum(axis=1)
    errors = []
    for steps in (None, Steps([levels] * 8)):
        kernel = Kernel(np.repeat(np.arange(4), 2), 5, steps=steps)
        posterior = Posterior(kernel, learn(kernel, x[:80], y[:80]), x[:80], y[:80])
        errors.append(np.abs(posterior.mean(x[80:]) - y[80:]).mean())
    assert errors[1] < 0.3 * errors[0]


def test_believing_in_a_reading_keeps_the_mean_and_lowers_the_doubt() -> None:
    x, y = readings()
    kernel = Kernel(GROUP, 3)
    before = Posterior(kernel, learn(kernel, x, y, 5), x, y)
    new = np.array([[0.1, -1.2, 1.1, 0.1, 0.5]])
    after = before.believing(new)
    assert after.mean(new) == pytest.approx(before.mean(new), abs=0.05)
    assert after.predict(new)[1] < before.predict(new)[1]


def test_equal_readings_do_not_divide_by_zero() -> None:
    x, _ = readings(5)
    kernel = Kernel(GROUP, 3)
    y = np.full(5, 0.7)
    mean, sd = Posterior(kernel, learn(kernel, x, y), x, y).predict(x)
    assert mean == pytest.approx(0.7)
    assert np.isfinite(sd).all()


def test_learning_the_same_readings_twice_gives_the_same_bits() -> None:
    kernel = Kernel(GROUP, 3)
    x, y = readings()
    assert learn(kernel, x, y).tobytes() == learn(kernel, x.copy(), y.copy()).tobytes()
    assert kernel_room.JITTER > 0
