"""What a tuned gradient-boosting library reaches on the same folds."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tools.imagenet_predictor.quality import accuracy_quality
from tools.imagenet_predictor.stage_costs import StageCosts
from tools.imagenet_predictor.table import Table

# Found by random search on these folds; all do much better than the defaults: very small trees,
# many of them, each on half of the rows.
_COMMON: dict[str, Any] = {"n_estimators": 8000, "subsample": 0.5, "subsample_freq": 1}
GRID: tuple[dict[str, Any], ...] = tuple(
    _COMMON | {"num_leaves": leaves, "learning_rate": rate, "colsample_bytree": columns} | extra
    for leaves, rate, columns, extra in (
        (6, 0.05, 0.5, {"min_child_samples": 3, "reg_lambda": 5.0}),
        (6, 0.05, 0.8, {"min_child_samples": 3, "reg_lambda": 5.0}),
        (8, 0.03, 0.5, {"min_child_samples": 3, "reg_lambda": 5.0}),
        (5, 0.08, 0.5, {"min_child_samples": 5, "reg_lambda": 5.0}),
        (5, 0.05, 0.5, {"min_child_samples": 3, "reg_lambda": 1.0}),
    )
)


def best_boosting(
    table: Table, fold: NDArray[np.int64], costs: StageCosts, seed: int
) -> dict[str, Any]:
    """LightGBM with its defaults, and the setting of `GRID` with the best R2 on these very folds.

    Choosing on the folds that judge flatters the library; the comparison can only be too hard on
    ours.
    """
    tried = [(setting, _judged(setting, table, fold, costs, seed)) for setting in GRID]
    setting, best = max(tried, key=lambda pair: float(pair[1]["r2"]))
    return {
        "library": f"lightgbm {lightgbm.__version__}",
        "tried": len(GRID),
        "setting": setting,
        "best": best,
        "defaults": _judged({}, table, fold, costs, seed),
    }


def fit_boosting(
    setting: dict[str, Any], codes: NDArray[np.int64], top1: NDArray[np.float64], seed: int
) -> lightgbm.LGBMRegressor:
    """One model on the 28 choices, on one core."""
    model = lightgbm.LGBMRegressor(
        **setting, random_state=seed, n_jobs=1, deterministic=True, verbose=-1
    )
    model.fit(codes, top1)
    return model


def _judged(
    setting: dict[str, Any],
    table: Table,
    fold: NDArray[np.int64],
    costs: StageCosts,
    seed: int,
) -> dict[str, Any]:
    mean = np.full(len(table), np.nan)
    for held in np.unique(fold):
        out = fold == held
        model = fit_boosting(setting, table.codes[~out], table.top1[~out], seed)
        mean[out] = model.predict(table.codes[out])
    return accuracy_quality(table.top1, mean, None, costs.flops(table.codes), table.batch)
