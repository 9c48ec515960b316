"""A coarse model of how latency grows, to tell which networks are worth measuring.

Latency over the baseline's is what a run, a block, a FLOP, an activation and a weight take (none
negative), times what each step of depth, width and resolution makes of it: kernels take other ways
at other widths, and all networks of those widths share that. The second factor is a random effect,
whose size is chosen by the evidence.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.cost import network_cost
from nas.scaling.lattice import Lattice
from nas.scaling.mixture import Floats

Places = NDArray[np.int64]

_EFFECTS = (0.003, 0.01, 0.02, 0.04, 0.08, 0.15)
_NOISES = (0.003, 0.006, 0.012, 0.025, 0.05, 0.1)
# What a few readings say of the error may be too good to be true.
_LEAST_SD = 0.01


@dataclass(frozen=True)
class Candidates:
    """Networks of a lattice. places: (n, 3). work: (n, 5), run, blocks, FLOPs, activations and
    weights, each over the baseline's.
    """

    places: Places
    work: Floats

    def at(self, chosen: Places) -> Candidates:
        """Those of the given indices."""
        return Candidates(self.places[chosen], self.work[chosen])

    def rows(self, places: Places) -> Places:
        """The indices of places; those that are not among the networks are left out."""
        index = {tuple(row): number for number, row in enumerate(self.places.tolist())}
        found = (index.get(tuple(place)) for place in places.tolist())
        return np.array([number for number in found if number is not None])


@dataclass(frozen=True)
class GrowthModel:
    """Fitted to the logarithms of measured ratios; see the module's text.

    effect_sd: of what a step makes of it. own_sd: of what is of a network alone.
    """

    rates: Floats
    places: Places
    weights: Floats
    inverse: Floats
    effect_sd: float
    own_sd: float

    def predict(self, networks: Candidates) -> tuple[Floats, Floats]:
        """Mean and standard deviation (n,) of the logarithm of the true ratio."""
        near = self.effect_sd**2 * _shared(networks.places, self.places)
        mean = _log_work(networks, self.rates) + near @ self.weights
        known = ((near @ self.inverse) * near).sum(axis=1)
        variance = np.maximum(3 * self.effect_sd**2 - known, 0) + self.own_sd**2
        return np.asarray(mean), np.asarray(np.sqrt(variance))


def lattice_candidates(lattice: Lattice, most_flops: float) -> Candidates:
    """All networks of a lattice with at most `most_flops` times the baseline's FLOPs."""
    origin = network_cost(lattice.baseline)
    places, work = [], []
    depths = np.arange(len(lattice.depths))
    blocks = lattice.blocks / lattice.baseline.depth
    for width in range(len(lattice.widths)):
        for resolution in range(len(lattice.resolutions)):
            counts = lattice.counts(width, resolution)
            flops = counts["flops"] / origin.flops
            kept = flops <= most_flops
            if not kept.any():
                continue
            place = np.broadcast_to([width, resolution], (len(depths), 2))
            places.append(np.column_stack([depths, place])[kept])
            columns = [
                np.ones(len(depths)),
                blocks,
                flops,
                counts["activations"] / origin.activations,
                counts["params"] / origin.params,
            ]
            work.append(np.column_stack(columns)[kept])
    return Candidates(np.concatenate(places), np.concatenate(work))


def fit_growth(networks: Candidates, log_ratios: Floats, reading_sd: float = 0.0) -> GrowthModel:
    """Fit the model to measured networks. reading_sd: what noise does to one of the logarithms."""
    from scipy.optimize import nnls

    ratios = np.exp(log_ratios)
    rates = np.asarray(nnls(networks.work / ratios[:, None], np.ones(len(ratios)))[0])
    left = log_ratios - _log_work(networks, rates)
    shared = _shared(networks.places, networks.places)
    # In its own axes the covariance is diagonal, whatever the two sizes are.
    spread, axes = np.linalg.eigh(shared)
    along = axes.T @ left

    def evidence(sizes: tuple[float, float]) -> float:
        variance = sizes[0] ** 2 * spread + sizes[1] ** 2
        return float(-0.5 * (along**2 / variance + np.log(variance)).sum())

    effect, noise = max(itertools.product(_EFFECTS, _NOISES), key=evidence)
    inverse = np.asarray(axes / (effect**2 * spread + noise**2) @ axes.T)
    # What is left has two reasons, and a reading's noise is none of the network.
    own = max(noise**2 - reading_sd**2, _LEAST_SD**2) ** 0.5
    return GrowthModel(rates, networks.places, inverse @ left, inverse, effect, own)


def _log_work(networks: Candidates, rates: Floats) -> Floats:
    return np.asarray(np.log(networks.work @ rates))


def _shared(one: Places, other: Places) -> Floats:
    """In how many dimensions two networks are at the same step: (n, m)."""
    return np.asarray((one[:, None] == other[None]).sum(axis=-1), dtype=np.float64)
