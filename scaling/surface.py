"""Accuracy over the ways to spend a budget on depth, width and resolution: a mixture experiment.

Accuracy is modelled as a function of the shares (`nas.scaling.mixture`) by Scheffe's quadratic
mixture polynomial (H. Scheffe, Experiments with mixtures, 1958), a smooth deviation from it (a
Gaussian process over the triangle, as no quadratic need be true), and what a network costs beyond
the target as a covariate.

Rounding leaves few networks, often none that grows in all three dimensions at once, so the products
may not be determined. They get a common normal prior, and what the readings leave open stays open:
it widens the region of the optimum instead of vanishing. Two errors are told apart, that of a seed
and that of a network (by which accuracy deviates from anything smooth). Both, the widths of the
priors and the size of the smooth deviation are averaged over, by how well they explain the
readings. How well all that keeps its word on truths of other kinds: docs/results/fit_validation.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nas.errors import ConfigError
from nas.scaling.mixture import (
    DIMENSIONS,
    EXPONENTS,
    Floats,
    coefficients_of,
    growth_shares,
    mesh,
    multipliers_of,
)
from nas.scaling.optimum import Optimum, find_optimum, undecided
from nas.scaling.surface_prior import deviations, hypotheses

__all__ = [
    "DIMENSIONS",
    "EXPONENTS",
    "LEAST_NETWORKS",
    "Floats",
    "Optimum",
    "Readings",
    "Surface",
    "coefficients_of",
    "find_optimum",
    "fit_surface",
    "growth_shares",
    "mesh",
    "multipliers_of",
    "undecided",
]

LEAST_NETWORKS = 5
"""Three corners, the slope over cost, and one more that can disagree."""

_DRAWS = 4000
_BORDER = 1e30


@dataclass(frozen=True)
class Readings:
    """What was measured: one row for each network.

    shares: (n, 3), what part of the growth in log cost each dimension has; rows add up to 1.
    log_cost: (n,), log of the network's cost over the cost that the constraint asks for.
    accuracies: n lists, one accuracy a seed, as fractions.
    assumed_seed_sd: the error of a seed, known from elsewhere, where nothing was trained twice.
    Raises: ConfigError for too few networks, a network without a reading, or no network with two.
    """

    shares: Floats
    log_cost: Floats
    accuracies: tuple[tuple[float, ...], ...]
    assumed_seed_sd: float | None = None

    def __post_init__(self) -> None:
        if len(self.accuracies) < LEAST_NETWORKS:
            raise ConfigError(
                f"{len(self.accuracies)} networks do not determine a surface; it needs at least "
                f"{LEAST_NETWORKS}; widen --tolerance"
            )
        if min(len(row) for row in self.accuracies) == 0:
            raise ConfigError("a network of the grid has no accuracy; finish its training first")
        if self.assumed_seed_sd is None and max(len(row) for row in self.accuracies) < 2:
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
    def squares(self) -> float:
        """Squared deviations of accuracies from their networks' means, summed over all."""
        return sum(float(np.var(row)) * len(row) for row in self.accuracies)

    @property
    def freedom(self) -> int:
        """Degrees of freedom of `squares`: repeated trainings."""
        return int(self.counts.sum()) - len(self.counts)

    @property
    def seed_sd(self) -> float:
        """Standard deviation of an accuracy over seeds, pooled over the networks, or assumed."""
        if self.assumed_seed_sd is not None:
            return self.assumed_seed_sd
        return float(np.sqrt(self.squares / self.freedom))


@dataclass(frozen=True)
class Surface:
    """What is believed after the readings, as equally likely draws.

    terms: (draws, terms), coefficients of the three shares, their products and the smooth
    deviation. networks: (draws, n), accuracy of each network at exactly the constraint's cost.
    seed_sd, network_sd: the errors of a seed and of a network (posterior mean).
    lack_of_fit: the probability that the surface is no quadratic.
    """

    terms: Floats
    networks: Floats
    seed_sd: float
    network_sd: float
    lack_of_fit: float

    def at(self, shares: Floats) -> Floats:
        """Draws (draws, m) of accuracy at shares (m, 3), at exactly the constraint's cost."""
        return self.terms @ _basis(shares).T

    @property
    def expected(self) -> Floats:
        """(n,), expected accuracy of each network at the constraint's cost."""
        return np.asarray(self.networks.mean(axis=0))


def fit_surface(readings: Readings, *, seed: int = 0, draws: int = _DRAWS) -> Surface:
    """Draw surfaces from what is believed after the readings.

    Every hypothesis (widths of the priors, sizes of the errors) is weighed by its evidence; each
    draw is of one of them: a draw of the prior, corrected by what the readings say of it
    (Matheron's rule).
    """
    basis = _basis(readings.shares)
    design = np.column_stack([basis, np.ones(len(basis)), readings.log_cost])
    centre = float(readings.means.mean())
    means, counts = readings.means - centre, readings.counts
    believed = hypotheses(design.shape[1], readings.seed_sd + 1e-6)
    noise = believed.network_sd[:, None] ** 2 + believed.seed_sd[:, None] ** 2 / counts
    total = ((design * believed.variances[:, None, :]) @ design.T)[believed.surface]
    diagonal = np.arange(len(means))
    total[:, diagonal, diagonal] += noise

    root, white = _whitened(total, means)
    evidence = believed.log_prior - 0.5 * (white**2).sum(axis=1)
    evidence -= np.log(root[:, diagonal, diagonal]).sum(axis=1)
    # What the repeated trainings of each network say of the seeds' error.
    evidence -= readings.freedom * np.log(believed.seed_sd)
    evidence -= readings.squares / (2 * believed.seed_sd**2)
    weights = np.exp(evidence - evidence.max())
    weights /= weights.sum()

    rng = np.random.default_rng(seed)
    repeats = rng.multinomial(draws, weights)
    used = np.flatnonzero(repeats)
    which, inverse = np.repeat(used, repeats[used]), np.linalg.inv(total[used])
    variances = believed.variances[believed.surface[which]]
    network_sd = believed.network_sd[which][:, None]
    terms = rng.standard_normal(variances.shape) * np.sqrt(variances)
    own = rng.standard_normal((draws, len(means))) * network_sd
    luck = rng.standard_normal(own.shape) * believed.seed_sd[which][:, None] / np.sqrt(counts)
    surprise = means - (terms @ design.T + own + luck)
    lesson = (inverse[np.searchsorted(used, which)] @ surprise[:, :, None])[..., 0]
    terms += variances * (lesson @ design)
    own += network_sd**2 * lesson
    # The shares add up to one, so what all networks share can be theirs.
    terms[:, : len(DIMENSIONS)] += centre + terms[:, -2:-1]
    terms = terms[:, :-2]
    return Surface(
        terms,
        terms @ basis.T + own,
        seed_sd=float(weights @ believed.seed_sd),
        network_sd=float(weights @ believed.network_sd),
        lack_of_fit=float(weights @ believed.bent),
    )


def _whitened(covariances: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Cholesky factors L (h, n, n) of covariances (h, n, n), and L^-1 `values` (h, n).

    With the values as one more row of the matrix both come from one factorisation.
    """
    many, count, _ = covariances.shape
    bordered = np.zeros((many, count + 1, count + 1))
    bordered[:, :count, :count] = covariances
    bordered[:, count, :count] = values
    # Large enough for the matrix to stay positive definite; it changes nothing above.
    bordered[:, count, count] = _BORDER
    root = np.linalg.cholesky(bordered)
    return root[:, :count, :count], root[:, count, :count]


def _basis(shares: Floats) -> Floats:
    d, w, r = np.asarray(shares, dtype=np.float64).T
    return np.column_stack([d, w, r, d * w, d * r, w * r, deviations(shares)])
