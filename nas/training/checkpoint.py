"""Checkpoints: what a training needs to go on as if it had never stopped.

Written beside and renamed, after every epoch and when a signal ends a training. Read with
`weights_only=True`: a checkpoint can hold tensors and plain values, never code.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import TrainingError
from nas.files import write_bytes_atomic
from nas.training.job import CHECKPOINT
from nas.training.recipe import Recipe
from nas.training.source import PixelSource

FILE_NAME = CHECKPOINT
FORMAT = 1


def identity(
    network: nn.Module, pixels: PixelSource, recipe: Recipe, **settings: Any
) -> dict[str, str]:
    """What a checkpoint must agree on with the training that reads it, by name, as text."""
    shapes = [(name, list(value.shape)) for name, value in network.state_dict().items()]
    spec = getattr(network, "spec", None)
    # Two networks of equal shapes may differ in what has none: strides, activations, kernels' gaps.
    described = spec.digest() if spec is not None else str(network)
    parts = {
        "network": _digest(described, json.dumps(shapes)),
        "data": data_digest(pixels),
        **{name: str(value) for name, value in settings.items()},
    }
    for name, value in recipe.to_dict().items():
        if name not in ("name", "source", "expected"):
            parts[f"recipe.{name}"] = str(value)
    return parts


def data_digest(pixels: PixelSource) -> str:
    """Identity of the images: classes, labels (and so how many), side.

    Not of their pixels: a stream has none at hand, and whether images are streamed depends on the
    memory that is free. Who keeps a checkpoint records the images' fingerprint beside it.
    """
    hashed = hashlib.sha256(json.dumps([list(pixels.classes), pixels.px]).encode())
    hashed.update(pixels.labels.cpu().numpy().tobytes())
    return hashed.hexdigest()[:16]


def save_checkpoint(folder: Path, content: dict[str, Any]) -> None:
    """Replace the folder's checkpoint. Raises: WriteError if it cannot be written."""
    stream = io.BytesIO()
    torch.save({"format": FORMAT, **content}, stream)
    write_bytes_atomic(folder / FILE_NAME, stream.getvalue())


def read_checkpoint(folder: Path, expected: dict[str, str]) -> dict[str, Any] | None:
    """The folder's checkpoint; None if there is none.

    Raises: TrainingError, in one line, if it is damaged, of a newer version, or of another
    training than the one `expected` describes.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with warnings.catch_warnings():
            # What torch has to say about a damaged file is said below, in one line.
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
        kind = content["format"]
        found: dict[str, str] = dict(content["identity"])
    except Exception as error:
        raise TrainingError(
            f"the checkpoint {path} cannot be read ({type(error).__name__}); delete it to begin "
            "anew, or choose another folder"
        ) from None
    if kind != FORMAT:
        raise TrainingError(
            f"the checkpoint {path} has format {kind}, this version reads {FORMAT}; use the "
            "version that wrote it, or choose another folder"
        )
    for name, value in expected.items():
        if found.get(name) != value:
            raise TrainingError(
                f"the checkpoint {path} is of another training: its {name} is "
                f"{found.get(name, 'not recorded')}, here it is {value}; choose another folder"
            )
    return content  # type: ignore[no-any-return]


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
