"""What is believed of a scaling surface before anything is trained: a list of hypotheses.

All accuracies are fractions. The hypotheses are equally likely but for one choice: that the surface
is exactly a quadratic has as much weight as all sizes of a deviation from it together.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nas.scaling.mixture import Floats, mesh

# From products that matter less than any seed to a whole collapse; from networks that are exactly
# as smooth as the surface to ones that jump by two points.
_CURVATURES = np.geomspace(4e-3, 0.4, 6)
# What depth, width and resolution alone differ by, relative to the products. Tied to them, so that
# where nothing bends, little is believed to differ: corners that may be anything take luck for a
# difference, and the region then misses the optimum of a truth that is nearly level.
_CORNERS = np.array([0.25, 1.0, 4.0])
_NETWORK_SDS = np.array([0.0, *np.geomspace(5e-4, 2e-2, 7)])
# Relative to the seeds' error as the repeated trainings show it: with few of them it is uncertain.
_SEED_SDS = np.array([0.7, 0.85, 1.0, 1.2, 1.5])
_BENDS = np.array([3e-3, 1e-2, 3e-2])
# Over this difference of shares the deviation can change its sign.
_LENGTH = 0.3
# Of the accuracy that all networks share, about the mean of the readings: anything.
_COMMON_SD = 1.0
# Of accuracy over log cost. B0 to B7 gain 0.018; Imagenette at 64 to 128 px 0.015 to 0.03.
_SLOPE_SD = 0.05

_SUPPORT = 12
_FEATURES = 24


@dataclass(frozen=True)
class Hypotheses:
    """One row for each.

    variances: (s, terms), of the coefficients: shares, products, deviations, what all networks have
    in common, cost. surface: (h,), which row of them. network_sd, seed_sd: (h,), of a network and
    of a seed. bent: (h,), 1 where a deviation is allowed. log_prior: (h,).
    """

    variances: Floats
    surface: NDArray[np.intp]
    network_sd: Floats
    seed_sd: Floats
    bent: Floats
    log_prior: Floats


def hypotheses(terms: int, seed_sd: float) -> Hypotheses:
    """All of them, for a design of so many terms and a pooled error of a seed."""
    bends = [(0.0, 0.5), *((float(size), 0.5 / len(_BENDS)) for size in _BENDS)]
    surfaces = np.array(
        [
            (curvature, curvature * corner, bend, weight)
            for curvature, corner, (bend, weight) in itertools.product(_CURVATURES, _CORNERS, bends)
        ]
    )
    curvature, corner, bend, weight = surfaces.T
    variances = np.empty((len(surfaces), terms))
    variances[:, :3] = corner[:, None] ** 2
    variances[:, 3:6] = curvature[:, None] ** 2
    variances[:, 6:-2] = bend[:, None] ** 2
    variances[:, -2] = _COMMON_SD**2
    variances[:, -1] = _SLOPE_SD**2
    errors = np.array(list(itertools.product(_NETWORK_SDS, _SEED_SDS * seed_sd)))
    surface = np.repeat(np.arange(len(surfaces)), len(errors))
    network_sds, seed_sds = np.tile(errors, (len(surfaces), 1)).T
    return Hypotheses(
        variances,
        surface,
        network_sds,
        seed_sds,
        (bend[surface] > 0).astype(np.float64),
        np.log(weight[surface]),
    )


def deviations(shares: Floats) -> Floats:
    """Features (n, 24) whose independent standard normal sum is a smooth function of the shares.

    A Gaussian process with a squared exponential kernel, by its largest components on a lattice
    (Nystroem; Williams & Seeger, 2001).
    """
    support, projection = _components()
    return np.asarray(_kernel(np.asarray(shares, dtype=np.float64), support) @ projection)


@lru_cache(maxsize=1)
def _components() -> tuple[Floats, Floats]:
    support = mesh(_SUPPORT)
    values, vectors = np.linalg.eigh(_kernel(support, support))
    return support, np.asarray(vectors[:, -_FEATURES:] / np.sqrt(values[-_FEATURES:]))


def _kernel(one: Floats, other: Floats) -> Floats:
    squares = ((one[:, None] - other[None]) ** 2).sum(axis=-1)
    return np.asarray(np.exp(-squares / (2 * _LENGTH**2)))
