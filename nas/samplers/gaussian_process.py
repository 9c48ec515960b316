"""The model of accuracy: a Gaussian process made for few, noisy readings of many choices.

Its prior covariance, in units of the readings' variance, is a sum of three ideas about networks:

- *shared effects*: "more layers help, wherever they are": a slope on the sum over a kind's answers;
- *main effects*: a slope of its own for every answer, and for every (log) cost;
- *a smooth rest*: interactions and curvature, squared-exponential over all columns, with one
  length scale per kind of question and one for the costs.

Amplitudes, length scales and the noise are learnt by maximising the posterior under wide log-normal
priors, stated below with their reasons. None was computed from data, but a few round values were
tried side by side on the benchmark's main problem while this was written; those of the noise and
the length scales were chosen on a made-up accuracy instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.samplers.parameter import Floats

OFFSET_VARIANCE = 4.0
"""Of the constant: the average of all networks may lie two SDs from the average of those seen."""

JITTER = 1e-6
"""Added to the noise variance, against round-off in the Cholesky factor."""


@dataclass(frozen=True)
class Prior:
    """Log-normal priors of the parameters, in the order of `Kernel`'s vector."""

    center: Floats
    spread: Floats

    def penalty(self, theta: Floats) -> tuple[float, Floats]:
        """Minus the log density (up to a constant) and its gradient."""
        z = (theta - self.center) / self.spread
        return 0.5 * float(z @ z), z / self.spread


class Kernel:
    """The prior covariance; its parameters are logarithms in one vector.

    In order: shared amplitude, main-effect amplitude per group, amplitude of the smooth rest,
    length scale per group, noise SD. The last group is the costs, which have no shared effect.
    """

    def __init__(self, group: npt.NDArray[np.int64], groups: int) -> None:
        self.group, self.groups = group, groups
        answers = max(int((group < groups - 1).sum()), 1)
        self._membership = np.zeros((len(group), groups - 1))
        for g in range(groups - 1):
            self._membership[group == g, g] = 1 / math.sqrt(answers)
        # Main effects of all answers add up to 0.7 SD, of a cost 0.5 SD (a cost alone explains a
        # good part of accuracy); the rest 0.8 SD. A typical pair of networks is about
        # sqrt(columns) length scales apart, so that the rest neither vanishes nor is a constant.
        main = [math.log(0.7 / math.sqrt(answers))] * (groups - 1) + [math.log(0.5)]
        scales = [math.log(math.sqrt(max(len(group), 1)))] * groups
        # The noise may be anything from nothing to most of what is seen: its prior is the widest.
        # Length scales are held tighter, since a rest that forgets from one network to the next
        # would pass for noise, and every reading would be taken at its word.
        center = [math.log(0.3), *main, math.log(0.8), *scales, math.log(0.2)]
        spread = [1.0, *[0.7] * (groups - 1), 1.0, 1.0, *[0.5] * groups, 2.0]
        self.prior = Prior(np.array(center), np.array(spread))

    def noise_variance(self, theta: Floats) -> float:
        """Of a reading, jitter included."""
        return math.exp(2 * float(theta[-1])) + JITTER

    def linear_columns(self, x: Floats, theta: Floats) -> Floats:
        """Columns whose products are the constant and the linear part of the covariance."""
        own = x * np.exp(theta[1 : 1 + self.groups])[self.group]
        shared = x @ self._membership * math.exp(float(theta[0]))
        return np.hstack([np.full((len(x), 1), math.sqrt(OFFSET_VARIANCE)), own, shared])

    def scaled_columns(self, x: Floats, theta: Floats) -> Floats:
        """Columns in units of their length scales."""
        scales: Floats = np.exp(-theta[2 + self.groups : -1])
        return np.asarray(x * scales[self.group])

    def rest_variance(self, theta: Floats) -> float:
        """Of the smooth rest."""
        return math.exp(2 * float(theta[1 + self.groups]))

    def covariance(self, a: tuple[Floats, Floats], b: tuple[Floats, Floats], rest: float) -> Floats:
        """Between rows given as (linear columns, scaled columns)."""
        squares = 0.5 * ((a[1] * a[1]).sum(1)[:, None] + (b[1] * b[1]).sum(1)[None, :])
        exponent = np.minimum(a[1] @ b[1].T - squares, 0.0)
        return np.asarray(a[0] @ b[0].T + rest * np.exp(exponent))


def learn(kernel: Kernel, x: Floats, y: Floats, iterations: int = 40) -> Floats:
    """The kernel's most probable parameters given readings `y` of the rows of `x`.

    Starts from the prior's center each time, so the result is a function of the data alone.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import minimize

    count, groups = len(y), kernel.groups
    target = (y - y.mean()) / _scale(y)
    products, distances = [], []
    for g in range(groups):
        columns = x[:, kernel.group == g]
        product = columns @ columns.T
        squares = np.diag(product)
        products.append(product)
        distances.append(np.maximum(squares[:, None] + squares[None, :] - 2 * product, 0.0))
    shared_columns = x @ kernel._membership
    shared = shared_columns @ shared_columns.T
    identity = np.eye(count)

    def loss(theta: Floats) -> tuple[float, Floats]:
        scale = np.exp(-2 * theta[2 + groups : -1])
        exponent = sum(s * d for s, d in zip(scale, distances, strict=True))
        rest = kernel.rest_variance(theta) * np.exp(-0.5 * np.asarray(exponent))
        linear = np.exp(2 * theta[: 1 + groups])
        total = OFFSET_VARIANCE + linear[0] * shared + rest
        for amplitude, product in zip(linear[1:], products, strict=True):
            total += amplitude * product
        total += kernel.noise_variance(theta) * identity
        try:
            factor = cho_factor(total, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        weights = cho_solve(factor, target, check_finite=False)
        inverse = cho_solve(factor, identity, check_finite=False)
        slack = inverse - np.outer(weights, weights)
        penalty, gradient = kernel.prior.penalty(theta)
        value = 0.5 * target @ weights + np.log(np.diag(factor[0])).sum() + penalty
        gradient[0] += linear[0] * np.vdot(slack, shared)
        for g in range(groups):
            gradient[1 + g] += linear[1 + g] * np.vdot(slack, products[g])
        weighted = slack * rest
        gradient[1 + groups] += weighted.sum()
        for g in range(groups):
            gradient[2 + groups + g] += 0.5 * scale[g] * np.vdot(weighted, distances[g])
        gradient[-1] += math.exp(2 * theta[-1]) * np.trace(slack)
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
        self._rest = kernel.rest_variance(theta)
        covariance = kernel.covariance(self._seen, self._seen, self._rest)
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
        cross = self._kernel.covariance(columns, self._seen, self._rest)
        prior = (columns[0] * columns[0]).sum(1) + self._rest
        explained = cross @ self._inverse.T
        variance = np.maximum(prior - (explained * explained).sum(1), 1e-8)
        mean = self._center + self._unit * (cross @ self._weights)
        return mean, self._unit * np.sqrt(variance)

    def mean(self, x: Floats) -> Floats:
        """The mean alone, which is cheaper."""
        cross = self._kernel.covariance(self._columns(x), self._seen, self._rest)
        return np.asarray(self._center + self._unit * (cross @ self._weights))

    def believing(self, x: Floats) -> Posterior:
        """As if the rows of `x` had been read at their means (a kriging believer).

        Suggestions in flight are treated so: the next one then looks elsewhere.
        """
        readings = np.concatenate([self._y, self.mean(x)])
        rows = np.vstack([self._x, x])
        unit = (self._center, self._unit)
        return Posterior(self._kernel, self._theta, rows, readings, unit)

    def _columns(self, x: Floats) -> tuple[Floats, Floats]:
        return self._kernel.linear_columns(x, self._theta), self._kernel.scaled_columns(
            x, self._theta
        )


def _scale(y: Floats) -> float:
    deviation = float(y.std())
    # Equal readings say nothing about the unit; any will do.
    return deviation if deviation > 1e-12 * max(1.0, abs(float(y.mean()))) else 1.0
