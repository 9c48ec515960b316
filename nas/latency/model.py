"""The mathematics of a table: a cost model of parts, overheads of whole networks, and its check.

All coefficients are non-negative and all errors relative: a block that takes 0.1 ms counts as much
as one that takes 5 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.latency.layers import Features

FOLDS = 5
CHANNELS = ", "
"""In a feature's name, what stands between the work and the channels that it is done on."""
PART = "part"
"""The feature that every part has once: what a run of anything takes."""


@dataclass(frozen=True)
class Overheads:
    """A network's latency from those of its parts, measured alone.

    It is `constant_ms` + `factor` * (sum of the parts) - `per_part_ms` * parts
    - `per_value_ms` * (elements that parts hand to each other).

    A part alone pays for a run of its own, and for bringing its input and output into the memory
    layout that the runtime likes; inside of a network it does not. The factor is what the caches
    of a whole network lose.
    """

    constant_ms: float
    factor: float
    per_part_ms: float
    per_value_ms: float

    def latency_ms(self, parts_ms: float, parts: int, values: float) -> float:
        """The latency of a network whose parts take `parts_ms` together."""
        alone = self.factor * parts_ms - self.per_part_ms * parts - self.per_value_ms * values
        # Never below the least that networks were seen to need beside their parts' overheads.
        return self.constant_ms + max(alone, 0.1 * self.factor * parts_ms)


@dataclass(frozen=True)
class Agreement:
    """Predicted and measured latencies of networks that nothing was fitted on."""

    networks: int
    median_error: float
    largest_error: float
    kendall_tau: float
    bias: float

    def describe(self) -> str:
        """In words."""
        return (
            f"median error {self.median_error:.1%}, largest {self.largest_error:.1%}, "
            f"Kendall tau {self.kendall_tau:.3f} on {self.networks} held-out networks"
        )


def fit_model(parts: Sequence[Features], measured_ms: Sequence[float]) -> dict[str, float]:
    """Milliseconds per unit of each feature."""
    names = sorted({name for features in parts for name in features})
    matrix = np.array([_row(features, names) for features in parts])
    found = _relative_fit(matrix, np.array(measured_ms, dtype=float))
    return dict(zip([*names, PART], found.tolist(), strict=True))


def model_ms(model: Mapping[str, float], features: Features) -> float:
    """What the model says a part takes alone.

    A feature that it does not know takes what the same work with other channels takes ("pointwise
    macs, 16s to others" for "..., 16s to 16s"), and nothing where that is not known either.
    """
    units = sum((rate_of(model, name) or 0.0) * amount for name, amount in features.items())
    return model[PART] + units


def rate_of(model: Mapping[str, float], feature: str) -> float | None:
    """Milliseconds per unit of a feature, or of its like; None where the model knows neither."""
    rate = model.get(feature)
    if rate is not None:
        return rate
    work, separator, _ = feature.partition(CHANNELS)
    alike = [ms for name, ms in model.items() if name.startswith(f"{work}{separator}")]
    return sum(alike) / len(alike) if separator and alike else None


def model_error(parts: Sequence[Features], measured_ms: Sequence[float], seed: int = 0) -> float:
    """The median relative error of the model on parts that it was not fitted on, in folds."""
    order = np.random.default_rng(seed).permutation(len(parts))
    errors: list[float] = []
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS].tolist())
        kept = [index for index in range(len(parts)) if index not in held]
        model = fit_model([parts[i] for i in kept], [measured_ms[i] for i in kept])
        errors += [abs(model_ms(model, parts[i]) / measured_ms[i] - 1.0) for i in held]
    return float(np.median(errors))


def fit_overheads(
    sums: Sequence[tuple[float, int, float]], measured_ms: Sequence[float]
) -> Overheads:
    """Fit `Overheads` to networks: (sum of the parts in ms, parts, values) of each."""
    matrix = np.array([(1.0, total, -count, -values) for total, count, values in sums])
    constant, factor, per_part, per_value = _relative_fit(
        matrix, np.array(measured_ms, dtype=float)
    ).tolist()
    return Overheads(constant, factor, per_part, per_value)


def agreement(predicted_ms: Sequence[float], measured_ms: Sequence[float]) -> Agreement:
    """How well predictions agree with measurements."""
    from scipy.stats import kendalltau

    predicted, measured = np.array(predicted_ms), np.array(measured_ms)
    ratios = predicted / measured - 1.0
    errors = np.abs(ratios)
    tau: Any = kendalltau(predicted, measured).statistic
    return Agreement(
        networks=len(measured),
        median_error=float(np.median(errors)),
        largest_error=float(errors.max()),
        kendall_tau=float(tau),
        bias=float(np.median(ratios)),
    )


def _row(features: Features, names: Sequence[str]) -> list[float]:
    return [*(float(features.get(name, 0.0)) for name in names), 1.0]


def _relative_fit(
    matrix: NDArray[np.float64], measured: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Non-negative coefficients with the least squared relative error."""
    from scipy.optimize import nnls

    scale = np.abs(matrix).max(axis=0)
    scale[scale == 0] = 1.0
    found: NDArray[np.float64] = nnls(matrix / scale / measured[:, None], np.ones(len(measured)))[0]
    coefficients: NDArray[np.float64] = found / scale
    return coefficients
