"""Accuracy over the ways to spend a budget on depth, width and resolution: a mixture experiment.

On a cost constraint only the shares matter: what part of the growth (in logarithms) goes to depth,
to width, to resolution. They are positive and add up to one, so accuracy is modelled by Scheffe's
quadratic mixture polynomial (H. Scheffe, Experiments with mixtures, 1958), with what a network
costs beyond the target as a covariate.

Rounding leaves few networks, often none that grows in all three dimensions at once, so the products
may not be determined. They get a common normal prior, and what the readings leave open stays open:
it widens the region of the optimum instead of vanishing. Two errors are told apart, that of a seed
and that of a network (by which accuracy deviates from anything smooth). The first is pooled from
the repeated trainings; the second and the prior's width are averaged over, by how well they
explain the readings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.errors import ConfigError
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.grid import Constraint

Floats = NDArray[np.float64]

DIMENSIONS = ("depth", "width", "resolution")
LEAST_NETWORKS = 5
"""Three corners, the slope over cost, and one more that can disagree."""

_TERMS = 7
"""Three shares, three products, the cost covariate."""
_MESH = 40
_DRAWS = 4000

# Fractions of accuracy. From products that matter less than any seed to a whole collapse; from
# networks that are exactly as smooth as the surface to ones that jump by two points.
_CURVATURES = np.geomspace(1e-3, 0.5, 12)
_NETWORK_SDS = np.array([0.0, *np.geomspace(2e-4, 2e-2, 10)])
# Wider than any accuracy or slope can be: shares and cost speak for themselves.
_FLAT_SD = 10.0


def mesh(steps: int = _MESH) -> Floats:
    """Shares (m, 3) of depth, width and resolution on a triangular lattice."""
    rows = [
        (depth, width, steps - depth - width)
        for depth in range(steps + 1)
        for width in range(steps + 1 - depth)
    ]
    return np.array(rows, dtype=np.float64) / steps


EXPONENTS: Mapping[Constraint, tuple[float, float, float]] = {
    "flops": (1.0, 2.0, 2.0),
    "activations": (1.0, 1.0, 2.0),
}
"""With what power of depth, width and resolution a cost grows, before rounding."""


def coefficients_of(
    shares: Floats, ratio: float, constraint: Constraint = "flops"
) -> ScalingCoefficients:
    """The (alpha, beta, gamma) that multiply the constraint's cost by `ratio`, in these shares."""
    alpha, beta, gamma = multipliers_of(shares, ratio, constraint)
    return ScalingCoefficients(float(alpha), float(beta), float(gamma))


def multipliers_of(shares: Floats, ratio: float, constraint: Constraint) -> Floats:
    """Multipliers (..., 3) of depth, width and resolution for shares (..., 3) of the growth."""
    growth = np.log(ratio) * np.asarray(shares, dtype=np.float64)
    return np.asarray(np.exp(growth / np.array(EXPONENTS[constraint])))


def growth_shares(costs: Sequence[Sequence[float]]) -> Floats:
    """Shares (n, 3) from what depth, width and resolution alone would multiply the cost by.

    costs: for each network the three ratios (at least 1) of its baseline grown in one dimension
    only. Rounding makes them differ from alpha, beta^2 and gamma^2; these are what was paid.
    """
    growth = np.log(np.asarray(costs, dtype=np.float64))
    return np.asarray(growth / growth.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Readings:
    """What was measured: one row for each network.

    shares: (n, 3), what part of the growth in log cost each dimension has; rows add up to 1.
    log_cost: (n,), log of the network's cost over the cost that the constraint asks for.
    accuracies: n lists, one accuracy a seed, as fractions.
    Raises: ConfigError for too few networks, a network without a reading, or no network with two.
    """

    shares: Floats
    log_cost: Floats
    accuracies: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if len(self.accuracies) < LEAST_NETWORKS:
            raise ConfigError(
                f"{len(self.accuracies)} networks do not determine a surface; it needs at least "
                f"{LEAST_NETWORKS}; widen --tolerance"
            )
        if min(len(row) for row in self.accuracies) == 0:
            raise ConfigError("a network of the grid has no accuracy; finish its training first")
        if max(len(row) for row in self.accuracies) < 2:
            raise ConfigError(
                "no network was trained with two seeds, so nothing tells luck from merit; "
                "raise --seeds to at least 2"
            )

    @property
    def means(self) -> Floats:
        """(n,), mean accuracy of each network."""
        return np.array([np.mean(row) for row in self.accuracies])

    @property
    def counts(self) -> Floats:
        """(n,), seeds of each network."""
        return np.array([len(row) for row in self.accuracies], dtype=np.float64)

    @property
    def seed_sd(self) -> float:
        """Standard deviation of an accuracy over seeds, pooled over the networks."""
        squares = sum(float(np.var(row)) * len(row) for row in self.accuracies)
        return float(np.sqrt(squares / (self.counts.sum() - len(self.counts))))


@dataclass(frozen=True)
class Surface:
    """What is believed after the readings, as equally likely draws.

    terms: (draws, 6), coefficients of the three shares and their products.
    networks: (draws, n), accuracy of each network at exactly the constraint's cost.
    seed_sd, network_sd: the errors of a seed and of a network (posterior mean).
    """

    terms: Floats
    networks: Floats
    seed_sd: float
    network_sd: float

    def at(self, shares: Floats) -> Floats:
        """Draws (draws, m) of accuracy at shares (m, 3), at exactly the constraint's cost."""
        return self.terms @ _basis(shares).T

    @property
    def expected(self) -> Floats:
        """(n,), expected accuracy of each network at the constraint's cost."""
        return np.asarray(self.networks.mean(axis=0))


@dataclass(frozen=True)
class Optimum:
    """Where the surface is highest, and how well that is known.

    shares: (3,), the split of highest expected accuracy. region: (m, 3), the splits of a lattice
    among which the true optimum is with probability `level`.
    """

    shares: Floats
    accuracy: float
    region: Floats
    level: float

    @property
    def low(self) -> Floats:
        """(3,), the smallest share of each dimension in the region."""
        return np.asarray(self.region.min(axis=0))

    @property
    def high(self) -> Floats:
        """(3,), the largest share of each dimension in the region."""
        return np.asarray(self.region.max(axis=0))


def fit_surface(readings: Readings, *, seed: int = 0, draws: int = _DRAWS) -> Surface:
    """Draw surfaces from what is believed after the readings."""
    design = np.column_stack([_basis(readings.shares), readings.log_cost])
    centre = float(readings.means.mean())
    means = readings.means - centre
    noise = readings.seed_sd**2 / readings.counts + 1e-10
    settings = [(c, n) for c in _CURVATURES for n in _NETWORK_SDS]
    fits = [_Fit(design, means, noise, curvature, network) for curvature, network in settings]
    evidence = np.array([fit.log_evidence for fit in fits])
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(draws, weights)
    drawn = [fit.draw(int(count), rng) for fit, count in zip(fits, counts, strict=True) if count]
    terms = np.concatenate([part for part, _ in drawn])
    networks = np.concatenate([part for _, part in drawn])
    # The shares add up to one, so a constant is the same for all three.
    terms[:, :3] += centre
    sds = np.array([network for _, network in settings])
    return Surface(
        terms[:, : _TERMS - 1], networks + centre, readings.seed_sd, float(weights @ sds)
    )


class _Fit:
    """The readings explained with one width of the products' prior and one network sd."""

    def __init__(
        self, design: Floats, means: Floats, noise: Floats, curvature: float, network: float
    ) -> None:
        prior = np.diag([_FLAT_SD**2] * 3 + [curvature**2] * 3 + [_FLAT_SD**2])
        at_cost = design.copy()
        at_cost[:, -1] = 0.0
        count = len(means)
        # Unknowns: the terms, then each network's own deviation.
        joint = np.zeros((_TERMS + count, _TERMS + count))
        joint[:_TERMS, :_TERMS] = prior
        joint[_TERMS:, _TERMS:] = np.eye(count) * network**2
        seen = np.column_stack([design, np.eye(count)])
        total = seen @ joint @ seen.T + np.diag(noise)
        root = np.linalg.cholesky(total)
        white = np.linalg.solve(root, means)
        self.log_evidence = float(-0.5 * white @ white - np.log(np.diag(root)).sum())
        gain = np.linalg.solve(root, seen @ joint)
        mean = gain.T @ white
        # The noiseless network values follow from the unknowns.
        self._told = np.vstack(
            [np.eye(_TERMS, _TERMS + count), np.column_stack([at_cost, np.eye(count)])]
        )
        self._mean = self._told @ mean
        covariance = self._told @ (joint - gain.T @ gain) @ self._told.T
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
        self._spread = vectors * np.sqrt(np.maximum(values, 0.0))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Terms (count, 7) and network accuracies (count, n)."""
        normal = rng.standard_normal((count, self._spread.shape[1]))
        drawn = self._mean + normal @ self._spread.T
        return drawn[:, :_TERMS], drawn[:, _TERMS:]


def find_optimum(surface: Surface, *, level: float = 0.9, shares: Floats | None = None) -> Optimum:
    """The best split, and the region that holds the true one with probability `level`.

    shares: (m, 3), the splits to choose from; a lattice over the whole triangle where not given.

    Splits enter the region in the order of how far, in units of its own uncertainty, the best one
    is ahead of them, until it holds the optimum of that part of the draws.
    """
    shares = mesh() if shares is None else shares
    heights = surface.at(shares)
    expected = heights.mean(axis=0)
    best = int(expected.argmax())
    leads = heights[:, best : best + 1] - heights
    spread = np.maximum(leads.std(axis=0), 1e-9)
    behind = (expected[best] - expected) / spread
    behind[best] = 0.0
    critical = np.quantile(behind[heights.argmax(axis=1)], level)
    return Optimum(shares[best], float(expected[best]), shares[behind <= critical], level)


def undecided(surface: Surface, *, level: float = 0.9) -> tuple[int, ...]:
    """The networks among which the best one is with probability `level`, the likeliest first."""
    wins = np.bincount(surface.networks.argmax(axis=1), minlength=surface.networks.shape[1])
    order = np.lexsort((-surface.expected, -wins))
    needed = int(np.searchsorted(np.cumsum(wins[order]), level * wins.sum())) + 1
    return tuple(int(index) for index in order[:needed])


def _basis(shares: Floats) -> Floats:
    d, w, r = np.asarray(shares, dtype=np.float64).T
    return np.column_stack([d, w, r, d * w, d * r, w * r])
