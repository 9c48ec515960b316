"""The model of accuracy: a Gaussian process, its kernel's parameters learnt from the readings.

Amplitudes, length scales and the noise (`kernel.py`) are those that maximise the posterior.
"""

from __future__ import annotations

import math

import numpy as np

from nas.samplers.kernel import OFFSET_VARIANCE, Kernel
from nas.samplers.parameter import Floats


def learn(kernel: Kernel, x: Floats, y: Floats, iterations: int = 40) -> Floats:
    """The kernel's most probable parameters given readings `y` of the rows of `x`.

    Starts from the prior's center each time, so the result is a function of the data alone.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import minimize

    count, rest_at = len(y), kernel.rest
    target = (y - y.mean()) / _scale(y)
    # Flat matrices, one a row: a sum over them is one product.
    linear = np.array([(block @ block.T).ravel() for block in kernel.blocks(x)])
    distances = np.empty((kernel.groups, count * count))
    for g in range(kernel.groups):
        distances[g] = _square_distances(x[:, kernel.group == g])
    differences = _square_distances(kernel.own_columns(x))
    identity = np.eye(count)

    def loss(theta: Floats) -> tuple[float, Floats]:
        amplitudes, scales = np.exp(2 * theta[:rest_at]), np.exp(-2 * kernel.scales(theta))
        rest = kernel.rest_variance(theta) * np.exp(-0.5 * (scales @ distances))
        total = OFFSET_VARIANCE + amplitudes @ linear + rest
        if kernel.with_own:
            closeness = differences / kernel.own_length(theta)
            own = kernel.own_variance(theta) * np.exp(-closeness)
            total += own
        total = total.reshape(count, count)
        total += kernel.noise_variance(theta) * identity
        try:
            factor = cho_factor(total, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        weights = cho_solve(factor, target, check_finite=False)
        inverse = cho_solve(factor, identity, check_finite=False)
        slack = (inverse - np.outer(weights, weights)).ravel()
        penalty, gradient = kernel.prior.penalty(theta)
        value = 0.5 * target @ weights + np.log(np.diag(factor[0])).sum() + penalty
        gradient[:rest_at] += amplitudes * (linear @ slack)
        weighted = slack * rest
        gradient[rest_at] += weighted.sum()
        gradient[rest_at + 1 : kernel.own] += 0.5 * scales * (distances @ weighted)
        if kernel.with_own:
            weighted = slack * own
            gradient[kernel.own] += weighted.sum()
            gradient[kernel.own + 1] += 0.5 * (weighted @ closeness)
        gradient[-1] += math.exp(2 * theta[-1]) * slack[:: count + 1].sum()
        return float(value), gradient

    center, spread = kernel.prior.center, kernel.prior.spread
    # Four SDs of the prior: an ill-determined scale must not run to an overflow.
    limits = list(zip(center - 4 * spread, center + 4 * spread, strict=True))
    found = minimize(
        loss, center, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": iterations}
    )
    return np.asarray(found.x, dtype=np.float64)


class Posterior:
    """What is believed about any network after the readings `y` (in their own unit) at `x`."""

    def __init__(
        self,
        kernel: Kernel,
        theta: Floats,
        x: Floats,
        y: Floats,
        unit: tuple[float, float] | None = None,
    ) -> None:
        from scipy.linalg import solve_triangular

        self._kernel, self._theta, self._x, self._y = kernel, theta, x, y
        self._center, self._unit = (float(y.mean()), _scale(y)) if unit is None else unit
        self._seen = self._columns(x)
        self._variances = kernel.rest_variance(theta), kernel.own_variance(theta)
        covariance = kernel.covariance(self._seen, self._seen, *self._variances)
        covariance[np.diag_indices(len(x))] += kernel.noise_variance(theta)
        factor = np.linalg.cholesky(covariance)
        # The inverse factor turns each of many thousand variances into one product.
        self._inverse = solve_triangular(factor, np.eye(len(x)), lower=True, check_finite=False)
        self._weights = self._inverse.T @ (self._inverse @ ((y - self._center) / self._unit))

    @property
    def noise(self) -> float:
        """SD of a reading, in the unit of the readings."""
        return self._unit * math.sqrt(self._kernel.noise_variance(self._theta))

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and SD of the noise-free accuracy of each row."""
        columns = self._columns(x)
        cross = self._kernel.covariance(columns, self._seen, *self._variances)
        prior = (columns[0] * columns[0]).sum(1) + sum(self._variances)
        explained = cross @ self._inverse.T
        variance = np.maximum(prior - (explained * explained).sum(1), 1e-8)
        mean = self._center + self._unit * (cross @ self._weights)
        return mean, self._unit * np.sqrt(variance)

    def mean(self, x: Floats) -> Floats:
        """The mean alone, which is cheaper."""
        cross = self._kernel.covariance(self._columns(x), self._seen, *self._variances)
        return np.asarray(self._center + self._unit * (cross @ self._weights))

    def believing(self, x: Floats) -> Posterior:
        """As if the rows of `x` had been read at their means (a kriging believer).

        Suggestions in flight are treated so: the next one then looks elsewhere.
        """
        readings = np.concatenate([self._y, self.mean(x)])
        rows = np.vstack([self._x, x])
        unit = (self._center, self._unit)
        return Posterior(self._kernel, self._theta, rows, readings, unit)

    def _columns(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        return self._kernel.columns(x, self._theta)


def _square_distances(x: Floats) -> Floats:
    """Between all rows, flat."""
    product = x @ x.T
    squares = np.diag(product)
    return np.maximum(squares[:, None] + squares[None, :] - 2 * product, 0.0).ravel()


def _scale(y: Floats) -> float:
    deviation = float(y.std())
    # Equal readings say nothing about the unit; any will do.
    return deviation if deviation > 1e-12 * max(1.0, abs(float(y.mean()))) else 1.0
