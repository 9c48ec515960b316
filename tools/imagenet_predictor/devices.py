"""Throughput and latency: a sum of times over stages, and a correction for how they run together.

On a GPU or an FPGA a network's time is nearly the sum of its stages' times, and a stage's time
depends on its own four choices alone. The correction (a polynomial of the log sum, single choices
and pairs) is what is left: fixed overheads, and limits outside the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.evaluators.imagenet_model import CELLS, STAGES, cells, contrasts, positions

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

# Penalties, chosen once for all devices. A cell's own time is held back more than what it shares
# with cells alike, because some cells were never measured (e0=6 with l0=3 did not fit into memory).
CELL_PENALTY = 0.05
SHARED_PENALTY = 1e-3
SINGLE_PENALTY = 2.0
PAIR_PENALTY = 20.0
DEGREE = 4


@dataclass(frozen=True)
class DeviceModel:
    """log time = log sum + polynomial(log sum) + answers . linear + answers . pairs . answers.

    constant, times (7, 48), shortest: in units of `scale`'s time. scale: mean time (ms) for a
    latency, its inverse (images/s) for a throughput.
    """

    constant: float
    times: Array
    shortest: float
    polynomial: Array
    linear: Array
    pairs: Array
    scale: float


def fit_device(name: str, codes: Codes, figures: Array) -> DeviceModel:
    """Fit one device. figures: images/s (`thr_*`) or ms (`lat_*`), (n,), NaN where unmeasured."""
    measured = np.isfinite(figures) & (figures > 0)
    places = positions(codes[measured])
    time = 1 / figures[measured] if name.startswith("thr") else figures[measured]
    unit = time.mean()
    time = time / unit
    constant, times = _fit_times(places, time)
    shortest = 0.5 * float(time.min())
    log_sum = np.log(
        np.maximum(constant + times[np.arange(STAGES), cells(places)].sum(axis=1), shortest)
    )
    answers = contrasts(places)
    first, second = np.triu_indices(answers.shape[1], 1)
    powers = np.vander(log_sum, DEGREE + 1, increasing=True)
    features = np.hstack([powers, answers, answers[:, first] * answers[:, second]])
    penalty = np.repeat(
        [SHARED_PENALTY, SINGLE_PENALTY, PAIR_PENALTY],
        [powers.shape[1], answers.shape[1], len(first)],
    )
    weights = _ridge(features, np.log(time) - log_sum, penalty)
    polynomial, linear, pair_weights = np.split(
        weights, [powers.shape[1], powers.shape[1] + answers.shape[1]]
    )
    pairs = np.zeros((answers.shape[1],) * 2)
    pairs[first, second] = pair_weights
    scale = float(1 / unit if name.startswith("thr") else unit)
    return DeviceModel(constant, times, shortest, polynomial, linear, pairs, scale)


def _fit_times(places: Codes, time: Array) -> tuple[float, Array]:
    """A constant and a (7, 48) table that add up to `time` with the least relative error."""
    shared, table_of = _stage_features()
    rows = cells(places)
    columns = [np.ones((len(rows), 1))]
    for stage in range(STAGES):
        columns += [shared[rows[:, stage]], np.eye(CELLS)[rows[:, stage]]]
    features = np.hstack(columns)
    widths = [1] + [shared.shape[1], CELLS] * STAGES
    penalty = np.repeat([SHARED_PENALTY] + [SHARED_PENALTY, CELL_PENALTY] * STAGES, widths)
    # Dividing a row by the root of its time lies between absolute and relative errors and predicted
    # best of the three.
    root = np.sqrt(time)
    weights = _ridge(features / root[:, None], time / root, penalty)
    per_stage = weights[1:].reshape(STAGES, -1)
    return float(weights[0]), per_stage @ table_of.T


def _stage_features() -> tuple[Array, Array]:
    """Of each of the 48 cells: what it shares with others (48, f); with its own column appended."""
    expand, kernel, layers, squeeze = np.unravel_index(np.arange(CELLS), (3, 2, 4, 2))
    width, depth = np.array([1.0, 4.0, 6.0])[expand], layers + 1.0
    wide = expand > 0
    shared = np.column_stack(
        [
            wide, width, kernel, squeeze, depth, wide * depth, width * depth, kernel * depth,
            kernel * width, kernel * width * depth, squeeze * depth, squeeze * width,
            squeeze * width * depth,
        ]
    )  # fmt: skip
    shared = shared / shared.max(axis=0)
    return shared, np.hstack([shared, np.eye(CELLS)])


def _ridge(features: Array, target: Array, penalty: Array) -> Array:
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += penalty
    return np.asarray(np.linalg.solve(gram, features.T @ target), dtype=float)
