"""Simulated truths of a scaling fit: accuracy over depth, width and resolution, optimum known.

A truth gives the accuracy, as a fraction, of a network that multiplies the baseline's cost by
exp(sum of `growth`), growth (n, 3) being the logarithm of what each dimension alone multiplies it
by. Sizes are those of small image sets: at twice the FLOPs of B0 on Imagenette-128, depth, width
and resolution alone differed by two points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nas.scaling.mixture import Floats

Accuracy = Callable[[Floats], Floats]

_EXPONENTS = np.array([1.0, 2.0, 2.0])


@dataclass(frozen=True)
class Truth:
    """accuracy: of growth (n, 3), smooth. network_sd: by which single networks deviate from it."""

    accuracy: Accuracy
    network_sd: float = 0.002


def _slope(rng: np.random.Generator) -> float:
    """Gain in accuracy over log cost, common to all networks."""
    return max(0.0, rng.normal(0.02, 0.01))


def _shared(of_shares: Accuracy, rng: np.random.Generator) -> Accuracy:
    """Accuracy by the shares, and more for more cost."""
    slope = _slope(rng)

    def accuracy(growth: Floats) -> Floats:
        total = growth.sum(axis=1)
        return np.asarray(of_shares(growth / total[:, None]) + slope * (total - np.log(2)))

    return accuracy


def _polynomial(linear: Floats, products: Floats) -> Accuracy:
    def accuracy(shares: Floats) -> Floats:
        d, w, r = shares.T
        return np.asarray(shares @ linear + np.column_stack([d * w, d * r, w * r]) @ products)

    return accuracy


def quadratic(rng: np.random.Generator) -> Truth:
    """The fit's own kind: corners that differ by a point, edges that bend by as much."""
    terms = _polynomial(rng.normal(0.8, 0.01, 3), rng.normal(0, 0.05, 3))
    return Truth(_shared(terms, rng))


def rough(rng: np.random.Generator) -> Truth:
    """As `quadratic`, of networks that deviate by 0.8 points each."""
    return Truth(quadratic(rng).accuracy, network_sd=0.008)


def level(rng: np.random.Generator) -> Truth:
    """Hardly anything differs: the optimum is one of many."""
    terms = _polynomial(rng.normal(0.8, 0.001, 3), rng.normal(0, 0.005, 3))
    return Truth(_shared(terms, rng), network_sd=0.001)


def power_laws(rng: np.random.Generator) -> Truth:
    """Each dimension saturates by itself: 0.9 minus a sum of b * multiplier^-c."""
    size, power = rng.uniform(0.03, 0.15, 3), rng.uniform(0.3, 2.5, 3)

    def accuracy(growth: Floats) -> Floats:
        return np.asarray(0.9 - (size * np.exp(-power * growth / _EXPONENTS)).sum(axis=1))

    return Truth(accuracy)


def corner(rng: np.random.Generator) -> Truth:
    """One dimension pays best, another not at all; nothing is gained by mixing."""
    worth = rng.permutation([0.0, *rng.uniform(0, 0.05, 2)])
    return Truth(_shared(lambda shares: np.asarray(0.8 + shares @ worth), rng))


def bump(rng: np.random.Generator) -> Truth:
    """A hill of one to four points, narrow enough to be missed by the networks there are."""
    peak, height, width = rng.dirichlet([1.2] * 3), rng.uniform(0.01, 0.04), rng.uniform(0.15, 0.35)

    def accuracy(shares: Floats) -> Floats:
        return np.asarray(0.8 + height * np.exp(-_squares(shares, peak) / (2 * width**2)))

    return Truth(_shared(accuracy, rng))


def cone(rng: np.random.Generator) -> Truth:
    """A pointed peak: steep everywhere, smooth nowhere near the optimum."""
    peak, height = rng.dirichlet([1.2] * 3), rng.uniform(0.02, 0.08)

    def accuracy(shares: Floats) -> Floats:
        return np.asarray(0.8 - height * np.sqrt(_squares(shares, peak)))

    return Truth(_shared(accuracy, rng))


def steep_edges(rng: np.random.Generator) -> Truth:
    """The first bit of growth in a dimension is worth most: shares to a power of 0.3 to 0.7."""
    worth, power = rng.uniform(0, 0.05, 3), rng.uniform(0.3, 0.7)

    def accuracy(shares: Floats) -> Floats:
        return np.asarray(0.75 + np.clip(shares, 0, 1) ** power @ worth)

    return Truth(_shared(accuracy, rng))


def complements(rng: np.random.Generator) -> Truth:
    """Each dimension needs the others: a Cobb-Douglas product, best with some growth in all."""
    weights, spared = rng.dirichlet([4.0] * 3), rng.uniform(0.1, 0.5)
    height = rng.uniform(0.01, 0.05)

    def accuracy(shares: Floats) -> Floats:
        product = np.exp(np.log(np.clip(shares, 0, 1) + spared) @ weights)
        return np.asarray(0.78 + height * product / (1 / 3 + spared))

    return Truth(_shared(accuracy, rng))


def two_hills(rng: np.random.Generator) -> Truth:
    """Two ways to grow that are about as good, and what lies between them is not."""
    peaks, heights = rng.dirichlet([1.0] * 3, size=2), rng.uniform(0.01, 0.03, 2)
    width = rng.uniform(0.2, 0.4)

    def accuracy(shares: Floats) -> Floats:
        hills = [
            height * np.exp(-_squares(shares, peak) / (2 * width**2))
            for peak, height in zip(peaks, heights, strict=True)
        ]
        return np.asarray(0.8 + np.maximum(*hills))

    return Truth(_shared(accuracy, rng))


def thresholds(rng: np.random.Generator) -> Truth:
    """A dimension pays once it has a certain part of the growth, and hardly before or after."""
    worth, where = rng.uniform(0, 0.03, 3), rng.uniform(0.1, 0.7, 3)

    def accuracy(shares: Floats) -> Floats:
        return np.asarray(0.78 + (1 / (1 + np.exp(-(shares - where) / 0.08))) @ worth)

    return Truth(_shared(accuracy, rng))


def _squares(shares: Floats, peak: Floats) -> Floats:
    return np.asarray(((shares - peak) ** 2).sum(axis=1))


KINDS: dict[str, Callable[[np.random.Generator], Truth]] = {
    "quadratic": quadratic,
    "power laws": power_laws,
    "corner": corner,
    "steep edges": steep_edges,
    "bump": bump,
    "cone": cone,
    "rough": rough,
    "level": level,
    "complements": complements,
    "two hills": two_hills,
    "thresholds": thresholds,
}
UNSEEN = ("thresholds",)
"""The surface model was chosen on truths of the other kinds, of other seeds."""
