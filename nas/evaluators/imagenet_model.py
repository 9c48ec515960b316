"""The fitted ImageNet model: 28 choices in, accuracy and device figures out; numpy alone.

What was measured, and where not to trust the answers: data/imagenet_predictor.md.
How it was fitted: tools/fit_imagenet_predictor.py.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CHOICES", "COLUMNS", "ImagenetModel", "Prediction"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

STAGES = 7
PACKAGED = ("data", "imagenet_predictor.npz")
# Column order of Accel-NASBench's published table: all expands, kernels, layers, squeeze-excites.
COLUMNS = tuple(f"{kind}{stage}" for kind in ("e", "k", "l", "se") for stage in range(STAGES))
CHOICES: dict[str, tuple[int, ...]] = {
    column: {"e": (1, 4, 6), "k": (3, 5), "l": (1, 2, 3), "s": (0, 1)}[column[0]]
    for column in COLUMNS
} | {"l5": (1, 2, 3, 4)}
# Cells of a stage's table: 3 expands x 2 kernels x 4 layers x 2 squeeze-excites.
CELLS = 48
# Rows that go through the kernel at once: two megabytes, so that they stay in the cache.
BLOCK_ROWS = 512

_LARGEST = max(max(choices) for choices in CHOICES.values())
# [column, value] -> position among the column's choices, -1 where the value is none of them.
_POSITION = np.full((len(COLUMNS), _LARGEST + 1), -1)
for _column, _choices in enumerate(CHOICES.values()):
    _POSITION[_column, list(_choices)] = range(len(_choices))
# A choice with n values is n - 1 answers to "is it above its first, second, ... value?".
_CONTRASTS = [(c, n) for c, values in enumerate(CHOICES.values()) for n in range(1, len(values))]
_CONTRAST_COLUMN, _CONTRAST_POSITION = np.array(_CONTRASTS).T


def _coordinate(kind: str, value: int) -> float:
    """A choice from 0 to 1 (four layers: 1.26).

    Logarithms, because from 1 to 2 layers is a larger change than from 2 to 3; so with expands.
    """
    if kind == "e":
        return math.log(value, 6)
    if kind == "l":
        return math.log(value, 3)
    return (value - 3) / 2 if kind == "k" else value


# [column, position] -> coordinate
_COORDINATE = np.zeros((len(COLUMNS), 4))
for _column, (_name, _choices) in enumerate(CHOICES.items()):
    _COORDINATE[_column, : len(_choices)] = [_coordinate(_name[0], value) for value in _choices]


def positions(codes: ArrayLike) -> Codes:
    """Check `codes` (n, 28), in the order of `COLUMNS`; the position of each among its choices.

    Raises: ValueError, naming column and value, where a code is no choice of the space.
    """
    given = np.asarray(codes)
    if given.ndim != 2 or given.shape[1] != len(COLUMNS):
        raise ValueError(
            f"codes have shape {given.shape}; they must be (networks, {len(COLUMNS)}), "
            f"columns {COLUMNS[0]}..{COLUMNS[-1]}"
        )
    whole = given.astype(np.int64)
    known = np.clip(whole, 0, _LARGEST)
    found: Codes = np.take_along_axis(_POSITION, known.T, axis=1).T
    wrong = (found < 0) | (known != given)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        name = COLUMNS[column]
        raise ValueError(
            f"column '{name}' of network {row} is {given[row, column]}; "
            f"it must be one of {', '.join(map(str, CHOICES[name]))}"
        )
    return found


def cells(places: Codes) -> Codes:
    """The row (n, 7) of each stage in a stage table, from `positions`."""
    expand, kernel, layers, squeeze = np.split(places, 4, axis=1)
    return ((expand * 2 + kernel) * 4 + layers) * 2 + squeeze


def stage_sums(table: Floats, rows: Codes) -> Floats:
    """Add up a (7, 48) table over the stages of each network; shape (n,)."""
    total: Floats = table[np.arange(STAGES), rows].sum(axis=1)
    return total


def contrasts(places: Codes) -> Floats:
    """Answers -0.5 or 0.5, shape (n, 43), to "is this choice at least its second, third, ...?"."""
    answers: Floats = (places[:, _CONTRAST_COLUMN] >= _CONTRAST_POSITION) - 0.5
    return answers


def coordinates(places: Codes, flops: Floats, params: Floats) -> Floats:
    """The point (n, 30) of each network: 28 ordered choices, log FLOPs and log parameters.

    flops, params: of whole networks, in units. They are centred on 300M and 3.5M.
    """
    choices = np.take_along_axis(_COORDINATE, places.T, axis=1).T
    return np.column_stack([choices, np.log(flops / 300e6), np.log(params / 3.5e6)])


def pair_inputs(places: Codes, points: Floats) -> Floats:
    """What the quadratic form of the accuracy takes: 1, 43 contrasts, both log costs; (n, 46)."""
    return np.column_stack([np.ones(len(places)), contrasts(places), points[:, -2:]])


def noise_inputs(scaled_latent: Floats, places: Codes, points: Floats) -> Floats:
    """What the log variance of a label depends on, (n, 5).

    A constant, the latent accuracy (divided by the link's scale), the share of stages with
    squeeze-excite, whether stage 5 has four layers, log FLOPs.
    """
    share = places[:, COLUMNS.index("se0") :].mean(axis=1)
    four_layers = places[:, COLUMNS.index("l5")] == 3
    ones = np.ones(len(places))
    return np.column_stack([ones, scaled_latent, share, four_layers, points[:, -2]])


@dataclass(frozen=True)
class Prediction:
    """Predicted top-1 accuracies and their standard deviations, fractions, each of shape (n,).

    sd: of a new one-seed training result; the two below, taken together.
    model_sd: of the model alone: what more trained networks would reduce.
    noise_sd: of the label: seeds, and what the 28 choices do not explain.
    """

    mean: Floats
    sd: Floats
    model_sd: Floats
    noise_sd: Floats


class ImagenetModel:
    """Predicts ImageNet top-1 under Accel-NASBench's 16-epoch recipe, and speed on devices.

    devices: names for `predict_device`; `thr_*` are images/s, `lat_*` milliseconds.
    noise_sd: a typical standard deviation of repeated one-seed results, as a fraction.
    quality: how the model was fitted and how well it did in cross-validation (see the card).
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.quality: dict[str, Any] = json.loads(str(arrays["metadata"]))
        self.devices: tuple[str, ...] = tuple(str(name) for name in arrays["device_names"])
        self.noise_sd = float(self.quality["noise_sd"])
        self.fitted_ids: Codes = arrays["fitted_ids"].astype(np.int64)
        # The file holds float32. Sums in float64: a network's answer must not depend on the others
        # of its batch.
        self._arrays = {
            name: array.astype(float) if array.dtype == np.float32 else array
            for name, array in arrays.items()
        }
        scaled = self._coordinates(positions(arrays["anchors"])) * self._arrays["inverse_lengths"]
        ones = np.ones((len(scaled), 1))
        squares = -0.5 * (scaled**2).sum(axis=1, keepdims=True)
        # With these two columns a single matrix product gives minus half the squared distance.
        self._anchors: Floats = np.hstack([scaled, ones, squares]).T

    @classmethod
    def load(cls, path: str | Path | None = None) -> ImagenetModel:
        """Read a model file; the packaged one where `path` is None."""
        if path is not None:
            with np.load(path, allow_pickle=False) as file:
                return cls(dict(file))
        packaged = resources.files("nas.evaluators").joinpath(*PACKAGED)
        with packaged.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return cls(dict(file))

    def predict(self, codes: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and standard deviation of a new one-seed result, as fractions; shapes (n,).

        codes: (n, 28) actual values in the order of `COLUMNS`.
        Raises: ValueError where a code is no choice of the space.
        """
        answer = self.predict_parts(codes)
        return answer.mean, answer.sd

    def predict_parts(self, codes: ArrayLike) -> Prediction:
        """`predict`, with the standard deviation taken apart into model and label noise."""
        places = positions(codes)
        points = self._coordinates(places)
        blocks = [
            self._latent(places[start : start + BLOCK_ROWS], points[start : start + BLOCK_ROWS])
            for start in range(0, len(places), BLOCK_ROWS)
        ]
        latent, log_variance = np.concatenate(blocks or [np.empty((0, 2))]).T
        ceiling, scale = self._arrays["link"]
        noise_variance = np.exp(
            noise_inputs(latent / scale, places, points) @ self._arrays["noise"]
        )
        model_variance = np.exp(log_variance) + self._arrays["distillation_variance"]
        # The latent value is -scale * log((ceiling - points) / scale); `remaining` is also how fast
        # points move with it.
        remaining = np.exp(-latent / scale)
        return Prediction(
            mean=(ceiling - scale * remaining) / 100,
            sd=remaining * np.sqrt(model_variance + noise_variance) / 100,
            model_sd=remaining * np.sqrt(model_variance) / 100,
            noise_sd=remaining * np.sqrt(noise_variance) / 100,
        )

    def predict_device(self, name: str, codes: ArrayLike) -> Floats:
        """Throughput in images/s (`thr_*`) or latency in ms (`lat_*`); shape (n,).

        A sum of times, one for each stage, and a correction for how stages run together.
        Raises: ValueError for a device that is not in `devices`, or a code outside the space.
        """
        if name not in self.devices:
            raise ValueError(f"no device '{name}'; there are: {', '.join(self.devices)}")
        index = self.devices.index(name)
        places = positions(codes)
        arrays = self._arrays
        times = arrays["device_constant"][index] + stage_sums(
            arrays["device_times"][index], cells(places)
        )
        log_time = np.log(np.maximum(times, arrays["device_shortest"][index]))
        answers = contrasts(places)
        log_time = (
            log_time
            + np.polynomial.polynomial.polyval(log_time, arrays["device_polynomial"][index])
            + answers @ arrays["device_linear"][index]
            + np.einsum("ni,ni->n", answers @ arrays["device_pairs"][index], answers)
        )
        figure: Floats = arrays["device_scale"][index] * np.exp(
            -log_time if name.startswith("thr") else log_time
        )
        return figure

    def _coordinates(self, places: Codes) -> Floats:
        rows = cells(places)
        flops, params = (
            self._arrays[f"{cost}_constant"] + stage_sums(self._arrays[f"{cost}_stages"], rows)
            for cost in ("flops", "params")
        )
        return coordinates(places, flops, params)

    def _latent(self, places: Codes, points: Floats) -> Floats:
        """The latent accuracy and its log variance, shape (n, 2).

        A quadratic form of choices and log costs, and a smooth kernel on the anchors for the rest.
        """
        answers = pair_inputs(places, points)
        quadratic = self._arrays["quadratic"]
        scaled = points * self._arrays["inverse_lengths"]
        squares = -0.5 * (scaled**2).sum(axis=1, keepdims=True)
        kernel = np.hstack([scaled, squares, np.ones_like(squares)]) @ self._anchors
        np.exp(kernel, out=kernel)
        latent: Floats = (
            np.stack([((answers @ form) * answers).sum(axis=1) for form in quadratic], axis=1)
            + kernel @ self._arrays["kernel_weights"]
        )
        return latent
