"""One training from its settings to its files: trained on all images, tested once at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nas.cost import network_cost
from nas.data.images import DataSet, Images
from nas.data.resolution import stored_px
from nas.data.splitting import search_split
from nas.data.streaming import pixel_source
from nas.errors import TrainingError
from nas.files import write_text_atomic
from nas.model import Network
from nas.training.augment import MEAN, STD
from nas.training.checkpoint import FILE_NAME
from nas.training.distributed import current_processes
from nas.training.finetune import decayed_groups
from nas.training.job import RESULT, WEIGHTS, Job
from nas.training.loop import TrainingResult, evaluate, train
from nas.training.measure import accuracy_record
from nas.training.progress import training_progress
from nas.training.weights import file_digest, save_weights
from nas.units import how_many

RESULT_SCHEMA = 1


@dataclass(frozen=True)
class Parts:
    """Which images train, which each epoch is judged on, and which are measured at the end.

    Indices are into the data's training images; None means all. measured is None where there are
    no images to measure on.
    """

    train: NDArray[np.int64] | None
    watched: NDArray[np.int64] | None
    measured: tuple[Images, NDArray[np.int64] | None] | None


def divide(data: DataSet, job: Job) -> Parts:
    """The images' parts in a training.

    The search's own split decides what `search-val` is, so that a network is measured on what it
    was chosen by, and test images are not looked at.
    Raises: DataError if a class has too few images to be split.
    """
    if job.measured_on == "search-val":
        split = search_split(data.train)
        return Parts(split.search_train, split.search_val, (data.train, split.search_val))
    measured = None if data.test is None else (data.test, None)
    if job.holdout:
        split = search_split(data.train, val_fraction=job.holdout, seed=job.seed)
        return Parts(split.search_train, split.search_val, measured)
    return Parts(None, None, measured)


def run_job(
    job: Job,
    network: nn.Module,
    data: DataSet,
    folder: Path,
    *,
    command: str,
    quiet: bool = False,
    cost: Mapping[str, int] | None = None,
    initial: Mapping[str, Any] | None = None,
    device: str | None = None,
) -> dict[str, Any] | None:
    """Train `network` in `folder`, going on where it was; returns what result.json holds.

    A `Network`'s weights are written beside. cost: flops, params and activations, where `network`
    is not a `Network`. quiet: nothing on stderr. initial: where its weights are from, None where
    they are new. Of several processes, all but the first train only, and return None.
    Raises: DataError, TrainingError.
    """
    px = stored_px(data.train, job.resolution)
    parts = divide(data, job)
    problems = data.problems
    _say("reading the images", quiet)
    held: dict[str, Any] = {"report": problems}
    held["memory_limit_bytes"] = current_processes().pixel_memory_bytes()
    train_pixels = pixel_source(data.train, parts.train, px, **held)
    watched = None
    if parts.watched is not None:
        watched = pixel_source(data.train, parts.watched, px, **held)
    images = len(train_pixels)
    groups = decayed_groups(network, job.layer_decay) if job.layer_decay < 1 else None
    _say(f"training on {how_many(images, 'image')} at {job.resolution} px", quiet)
    with training_progress(quiet) as (observe, observe_step):
        result = train(
            network,
            train_pixels,
            watched,
            job.recipe,
            resolution=job.resolution,
            seed=job.seed,
            device=device,
            folder=folder,
            observe=observe,
            observe_step=observe_step,
            parameter_groups=groups,
            frozen=job.freeze,
            pretrained=initial is not None,
        )
    if not current_processes().leads:
        return None
    evaluation = None
    if parts.measured is not None:
        del train_pixels
        measured = watched
        if job.measured_on == "test" or measured is None:
            _say("measuring on the test images", quiet)
            measured = pixel_source(*parts.measured, px, report=problems)
        evaluation = evaluate(network, measured, resolution=job.resolution, device=device)
    accuracy = None
    if evaluation is not None:
        part = "test images" if job.measured_on == "test" else "search-val images"
        accuracy = accuracy_record(evaluation, data, part)
    document = _document(job, network, data, result, accuracy, cost, command)
    document["initial"] = None if initial is None else dict(initial)
    document["train_images"] = images
    if isinstance(network, Network):
        extra = _metadata(job, data, accuracy, px, document["initial"])
        save_weights(folder / WEIGHTS, network, data.classes, extra=extra)
        document["weights"] = WEIGHTS
        document["weights_digest"] = file_digest(folder / WEIGHTS)
    write_text_atomic(folder / RESULT, json.dumps(document, indent=2) + "\n")
    # Of no more use, and several times as large as the weights.
    (folder / FILE_NAME).unlink(missing_ok=True)
    return document


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def _document(
    job: Job,
    network: nn.Module,
    data: DataSet,
    result: TrainingResult,
    accuracy: dict[str, Any] | None,
    cost: Mapping[str, int] | None,
    command: str,
) -> dict[str, Any]:
    from nas.runs.records import provenance

    document: dict[str, Any] = {"schema": RESULT_SCHEMA, "kind": "training", "name": job.name}
    if isinstance(network, Network):
        counted = network_cost(network.spec)
        cost = {key: getattr(counted, key) for key in ("flops", "params", "activations")}
        document["digest"] = network.spec.digest()
    elif cost is None:
        raise TrainingError(f"the cost of {job.name} is unknown; count it first")
    rates = [report.images_per_second for report in result.history]
    return {
        **document,
        "cost": dict(cost),
        "resolution": job.resolution,
        "accuracy": accuracy,
        "toy": data.toy,
        "epochs": result.epochs,
        "seconds": round(result.seconds, 3),
        "images_per_second": round(sorted(rates)[len(rates) // 2], 1) if rates else None,
        "batch_size": result.batch_size,
        "accumulation": result.accumulation,
        "seed": job.seed,
        "freeze": job.freeze,
        "layer_decay": job.layer_decay,
        "recipe": job.recipe.to_dict(),
        "data": {
            "name": data.name,
            "fingerprint": job.fingerprint,
            "classes": list(data.classes),
            "problems": data.problems.as_dict(),
        },
        "command": command,
        **provenance(),
        **({"spec": network.spec.to_dict()} if isinstance(network, Network) else {}),
    }


def _metadata(
    job: Job,
    data: DataSet,
    accuracy: dict[str, Any] | None,
    px: int,
    initial: Mapping[str, Any] | None,
) -> dict[str, str]:
    """What a weight file says of itself; nothing in it differs when a training is repeated."""
    content: dict[str, Any] = {
        "resolution": job.resolution,
        "stored_px": px,
        "normalisation": {"mean": MEAN, "std": STD, "scale": 255},
        "recipe": job.recipe.to_dict(),
        "seed": job.seed,
        "initial": initial,
        "accuracy": accuracy,
        "toy": data.toy,
        "data": {"name": data.name, "fingerprint": job.fingerprint},
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in content.items()}
