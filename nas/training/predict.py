"""What trained weights see in image files, prepared as `nas eval` prepares test images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from nas.data.files import FileImages
from nas.data.images import ImageError
from nas.data.pixels import square
from nas.training.augment import prepare_for_evaluation
from nas.training.devices import chosen_device
from nas.training.weights import Weights

BATCH = 64


@dataclass(frozen=True)
class Prediction:
    """An image and its likeliest classes with their probabilities, the likeliest first."""

    image: str
    classes: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be used, and why."""

    image: str
    reason: str


def predict(
    weights: Weights, paths: Sequence[str | Path], *, top: int = 5, device: str | None = None
) -> Iterator[Prediction | Unreadable]:
    """One outcome for each path, in their order, whatever the others are.

    top: how many classes, at most as many as there are. device: None is the best there is.
    """
    where = chosen_device(device)
    network = weights.network(str(where))
    resolution = weights.spec.resolution
    px = stored_side(weights)
    names = [str(path) for path in paths]
    files = FileImages(Path(), weights.classes, names, np.zeros(len(names), dtype=np.int64))
    for start in range(0, len(names), BATCH):
        squares: list[torch.Tensor] = []
        unreadable: dict[int, Unreadable] = {}
        batch = range(start, min(start + BATCH, len(names)))
        for index in batch:
            try:
                image, _ = square(files, index, px)
                squares.append(torch.from_numpy(image.transpose(2, 0, 1).copy()))
            except ImageError as error:
                unreadable[index] = Unreadable(names[index], error.reason)
        likeliest = iter(_likeliest(network, squares, resolution, top, where))
        for index in batch:
            if index in unreadable:
                yield unreadable[index]
                continue
            found = tuple((weights.classes[place], share) for place, share in next(likeliest))
            yield Prediction(names[index], found)


def _likeliest(
    network: nn.Module,
    squares: list[torch.Tensor],
    resolution: int,
    top: int,
    device: torch.device,
) -> list[list[tuple[int, float]]]:
    """For each image the likeliest outputs with their probabilities."""
    if not squares:
        return []
    images = torch.stack(squares).to(device)
    with torch.inference_mode():
        shares = network(prepare_for_evaluation(images, resolution)).float().softmax(1)
        best = shares.topk(min(top, shares.shape[1]), dim=1)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [list(zip(places, values, strict=True)) for places, values in pairs]


def stored_side(weights: Weights) -> int:
    """The side in px that images were kept at in training: what evaluation crops from."""
    recorded = weights.record("stored_px")
    return recorded if isinstance(recorded, int) else weights.spec.resolution
