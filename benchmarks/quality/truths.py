"""What an evaluation would answer: models by kept libraries, fitted on really trained networks.

`trees` is the mean of five LightGBM ensembles, `quadratic` a ridge regression on all pairs of
answers; neither is of our samplers' family. `throughput` is `trees` fitted to the measured images
per second on an A100, another label whose dependence on the answers is unlike accuracy's.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Answers = npt.NDArray[np.int64]
"""(networks, 28): expand, kernel, layers, se, each of stage 0..6."""

KINDS = ("expand", "kernel", "layers", "se")
COLUMNS = [f"{letter}{stage}" for letter in ("e", "k", "l", "se") for stage in range(7)]
NAMES = [f"stage{stage}.{kind}" for kind in KINDS for stage in range(7)]
B0 = [1, 6, 6, 6, 6, 6, 6, 3, 3, 5, 3, 5, 5, 3, 1, 2, 2, 3, 3, 4, 1, *[1] * 7]
CHOICES: list[tuple[int, ...]] = [
    *[(1, 4, 6)] * 7,
    *[(3, 5)] * 7,
    *[(1, 2, 3, 4) if stage == 5 else (1, 2, 3) for stage in range(7)],
    *[(0, 1)] * 7,
]


class Truth(Protocol):
    """Answers (networks, 28) -> label (networks,)."""

    def __call__(self, answers: Answers) -> Floats: ...


class Trees:
    """Mean of LightGBM regressors; R2 0.983 and RMSE 0.43 points on 633 held-out networks."""

    def __init__(self, answers: Answers, label: Floats) -> None:
        from lightgbm import LGBMRegressor

        self._members: list[Any] = []
        for seed in range(5):
            model = LGBMRegressor(
                n_estimators=2000,
                learning_rate=0.05,
                max_depth=4,
                num_leaves=15,
                min_child_samples=10,
                subsample=0.7,
                subsample_freq=1,
                colsample_bytree=0.7,
                random_state=seed,
                n_jobs=1,
                verbose=-1,
            )
            model.fit(answers.astype(float), label)
            self._members.append(model.booster_)

    def __call__(self, answers: Answers) -> Floats:
        rows = answers.astype(float)
        members = [np.asarray(m.predict(rows, num_threads=1)) for m in self._members]
        return np.asarray(np.mean(members, axis=0), dtype=np.float64)


class Quadratic:
    """Ridge regression on one-hot answers and their products; R2 0.978 on held-out networks."""

    def __init__(self, answers: Answers, label: Floats, penalty: float = 0.1) -> None:
        design = self._design(answers)
        self._center, self._mean = design.mean(axis=0), float(label.mean())
        centered = design - self._center
        gram = centered @ centered.T + penalty * np.eye(len(label))
        self._weights = centered.T @ np.linalg.solve(gram, label - self._mean)

    @staticmethod
    def _design(answers: Answers) -> Floats:
        single = np.stack(
            [
                answers[:, column] == value
                for column, choices in enumerate(CHOICES)
                for value in choices[1:]
            ],
            axis=1,
        ).astype(float)
        one, other = np.triu_indices(single.shape[1], 1)
        return np.hstack([single, single[:, one] * single[:, other]])

    def __call__(self, answers: Answers) -> Floats:
        return np.asarray((self._design(answers) - self._center) @ self._weights + self._mean)


def load_table(data: Path) -> pd.DataFrame:
    """The trained networks, one row each; repeated networks by their mean."""
    table = pd.read_csv(data / "accel_nasbench.csv.gz")
    return table.groupby(COLUMNS, as_index=False, sort=False).mean(numeric_only=True)


def fit_truth(name: str, data: Path, cache: Path) -> Truth:
    """A truth by name; fitted once, then read from `cache`."""
    file = cache / f"truth-{name}.pickle"
    if file.is_file():
        # Written by this function, in a folder of ours.
        return pickle.loads(file.read_bytes())  # type: ignore[no-any-return]
    table = load_table(data)
    answers = table[COLUMNS].to_numpy(dtype=np.int64)
    truth: Truth
    if name == "throughput":
        # Percent of the fastest network, so that figures read like accuracies.
        label = table["thr_a100"].to_numpy(dtype=float)
        truth = Trees(answers, 100 * label / label.max())
    elif name == "quadratic":
        truth = Quadratic(answers, table["top1"].to_numpy(dtype=float))
    elif name == "trees":
        truth = Trees(answers, table["top1"].to_numpy(dtype=float))
    else:
        raise ValueError(f"truth '{name}' is unknown; there are trees, quadratic, throughput")
    cache.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(truth))
    return truth


def as_params(answers: Sequence[int]) -> dict[str, Any]:
    """Parameters of the space `mbconv`."""
    params: dict[str, Any] = dict(zip(NAMES, (int(a) for a in answers), strict=True))
    return {name: bool(v) if name.endswith(".se") else v for name, v in params.items()}


def as_answers(params: dict[str, Any]) -> Answers:
    """One row (1, 28), the inverse of `as_params`."""
    return np.array([[int(params[name]) for name in NAMES]], dtype=np.int64)
