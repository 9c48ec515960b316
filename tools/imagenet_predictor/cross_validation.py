"""Cross-validation of the whole pipeline: each network judged by a model that never saw it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.imagenet_predictor import pipeline
from tools.imagenet_predictor.quality import FOLDS, accuracy_quality, device_quality, folds
from tools.imagenet_predictor.stage_costs import StageCosts
from tools.imagenet_predictor.table import DEVICES, Table

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Predictions for the rows of the folds that were judged, others NaN.

    mean, deviation: points, (n,). speed: (n, devices). seconds: of all fits.
    """

    mean: Array
    deviation: Array
    speed: Array
    seconds: float


def cross_validate(
    table: Table,
    costs: StageCosts,
    seed: int,
    only: Iterable[int] = range(FOLDS),
    say: Callable[[str], None] = print,
) -> HeldOut:
    """Fit `pipeline.fit` without each fold of `only` and predict it as the shipped model would."""
    started = time.perf_counter()
    fold = folds(table, seed)
    mean, deviation = np.full((2, len(table)), np.nan)
    speed = np.full(table.speed.shape, np.nan)
    for held in only:
        out = fold == held
        model = pipeline.model(pipeline.fit(table.rows(~out), costs, seed))
        codes = table.codes[out]
        mean[out], deviation[out] = 100 * np.stack(model.predict(codes))
        speed[out] = np.stack([model.predict_device(name, codes) for name in DEVICES], axis=1)
        say(f"fold {held}: {time.perf_counter() - started:.0f} s")
    return HeldOut(mean, deviation, speed, time.perf_counter() - started)


def quality_of(held_out: HeldOut, table: Table, costs: StageCosts) -> dict[str, Any]:
    """The figures of the rows that `held_out` covers."""
    rows = np.isfinite(held_out.mean)
    codes = table.codes[rows]
    return {
        "accuracy": accuracy_quality(
            table.top1[rows],
            held_out.mean[rows],
            held_out.deviation[rows],
            costs.flops(codes),
            table.batch[rows],
        ),
        "devices": {
            name: device_quality(table.speed[rows, column], held_out.speed[rows, column])
            for column, name in enumerate(DEVICES)
        },
    }
