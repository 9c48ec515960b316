"""Which networks of a fit stay: those of the highest expected accuracy at equal cost."""

from __future__ import annotations

from collections.abc import Sequence

from nas.fitting.halving import Ranking, by_mean
from nas.scaling.mixture import Floats
from nas.scaling.surface import LEAST_NETWORKS, Readings, fit_surface

# Halving needs a ranking, not intervals: fewer draws do.
_DRAWS = 500


def surface_ranking(shares: Floats, log_cost: Floats) -> Ranking:
    """By the surface's expectation at equal cost where it can be fitted, else by the mean.

    shares: (n, 3) and log_cost: (n,), of all networks of the fit.
    """

    def rank(networks: Sequence[int], accuracies: Sequence[Sequence[float]]) -> Sequence[float]:
        enough = len(networks) >= LEAST_NETWORKS and max(map(len, accuracies)) > 1
        if not enough:
            return by_mean(networks, accuracies)
        chosen = list(networks)
        rows = tuple(tuple(row) for row in accuracies)
        readings = Readings(shares[chosen], log_cost[chosen], rows)
        return [float(value) for value in fit_surface(readings, draws=_DRAWS).expected]

    return rank
