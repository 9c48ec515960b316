"""Where a scaling surface is highest, how well that is known, and which networks are tied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.scaling.mixture import Floats, mesh

if TYPE_CHECKING:
    from nas.scaling.surface import Surface


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
