"""Networks per second of the packaged ImageNet predictor, beside LightGBM, on one core.

    python benchmarks/predictor.py

Both predict the same 100,000 random networks in one call, three times in turn; the best time of
each counts. LightGBM learns made-up labels (the speed of its trees does not depend on them), with
the setting that predicted best in tools/imagenet_predictor/boosting.py. Needs the extra `bench`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from nas.evaluators.imagenet_model import ImagenetModel
from tools.imagenet_predictor.boosting import GRID, fit_boosting
from tools.imagenet_predictor.student import uniform_networks

NETWORKS = 100_000
TRAINED = 4000
ROUNDS = 3


def main() -> None:
    codes = uniform_networks(NETWORKS, np.random.default_rng(0))
    model = ImagenetModel.load()
    labels = model.predict(codes[:TRAINED])[0]
    boosting = fit_boosting(GRID[0], codes[:TRAINED], labels, seed=0)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: model.predict(codes)))
        theirs.append(seconds(lambda: boosting.predict(codes)))
    rates = {name: NETWORKS / min(times) for name, times in (("ours", ours), ("lightgbm", theirs))}
    print(f"this predictor (mean and deviation): {rates['ours']:,.0f} networks/s on one core")
    print(f"LightGBM (mean): {rates['lightgbm']:,.0f} networks/s on one core")
    print(f"ratio: {rates['ours'] / rates['lightgbm']:.1f}")
    one = codes[:1]
    times = [seconds(lambda: model.predict(one)) for _ in range(200)]
    print(f"a single network: {1e6 * float(np.median(times)):.0f} microseconds")


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
