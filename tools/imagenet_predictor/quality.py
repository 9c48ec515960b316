"""How good predictions are: error, rank agreement and the coverage of their intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from tools.imagenet_predictor.table import Table

Array = NDArray[np.float64]

# 90 % of a normal distribution lies within this many standard deviations.
DEVIATIONS_OF_90 = 1.6449
# The neighbourhood of the usual target, multiply-adds.
BAND = (350e6, 450e6)
FOLDS = 10


def folds(table: Table, seed: int) -> NDArray[np.int64]:
    """A fold from 0 to 9 for each row; rows of one network share it."""
    networks = table.networks()
    order = np.random.default_rng(seed).permutation(networks.max() + 1)
    return np.asarray(order[networks] % FOLDS)


def accuracy_quality(
    measured: Array, mean: Array, deviation: Array | None, flops: Array, batch: NDArray[np.str_]
) -> dict[str, Any]:
    """Figures for predictions of top-1; measured, mean and deviation in points.

    Top tenth: once by what was measured, once by what was predicted.
    """
    band = (flops >= BAND[0]) & (flops <= BAND[1])
    result: dict[str, Any] = {
        "r2": r_squared(measured, mean),
        "tau": tau(measured, mean),
        "tau_350M_450M": tau(measured[band], mean[band]),
        "rmse_points": float(np.sqrt(((measured - mean) ** 2).mean())),
        "networks": len(measured),
        "networks_350M_450M": int(band.sum()),
    }
    if deviation is not None:
        inside = np.abs(measured - mean) <= DEVIATIONS_OF_90 * deviation
        groups = {"all": np.ones(len(mean), dtype=bool)}
        groups |= {f"batch_{name}": batch == name for name in np.unique(batch)}
        groups["350M_450M"] = band
        groups["top_tenth_measured"] = measured >= np.quantile(measured, 0.9)
        groups["top_tenth_predicted"] = mean >= np.quantile(mean, 0.9)
        result["coverage_of_90"] = {
            name: float(inside[rows].mean()) for name, rows in groups.items() if rows.any()
        }
        result["mean_sd_points"] = float(deviation.mean())
        result["bias_points"] = {
            name: float((measured - mean)[rows].mean())
            for name, rows in groups.items()
            if rows.any() and not name.startswith("top")
        }
    return result


def device_quality(measured: Array, predicted: Array) -> dict[str, Any]:
    """Figures for predictions of a device's speed, over the networks that were measured."""
    known = np.isfinite(measured) & np.isfinite(predicted)
    measured, predicted = measured[known], predicted[known]
    return {
        "r2": r_squared(measured, predicted),
        "tau": tau(measured, predicted),
        "mean_error_percent": float(100 * np.abs(predicted / measured - 1).mean()),
        "networks": len(measured),
    }


def r_squared(measured: Array, predicted: Array) -> float:
    """Share of the variance that is explained."""
    residual = ((measured - predicted) ** 2).sum()
    return float(1 - residual / ((measured - measured.mean()) ** 2).sum())


def tau(measured: Array, predicted: Array) -> float:
    """Kendall's rank correlation."""
    return float(kendalltau(measured, predicted).statistic)
