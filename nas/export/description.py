"""`config.json` of an export: what the weights alone do not say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nas import __version__
from nas.cost import network_cost
from nas.export.folder import FORMAT
from nas.export.parity import Parity
from nas.export.subject import Subject

SCHEMA = 1

_COLOURS = 3


def describe(
    subject: Subject, target: str, files: Mapping[str, str], parity: Parity
) -> dict[str, Any]:
    """The document; see docs/export.md for its keys."""
    spec = subject.spec
    cost = network_cost(spec)
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "target": target,
        "name": subject.name,
        "digest": spec.digest(),
        "trained": subject.trained,
        "weights": subject.weights,
        "accuracy": subject.record("accuracy"),
        "resolution": spec.resolution,
        "in_channels": spec.in_channels,
        "classes": spec.classes,
        "class_names": None if subject.class_names is None else list(subject.class_names),
        "normalisation": normalisation(subject),
        "params": cost.params,
        "flops": cost.flops,
        "parity": parity_document(parity),
        "files": sorted(files),
        "version": __version__,
        "spec": spec.to_dict(),
    }


def as_text(document: Mapping[str, Any]) -> str:
    """The document as JSON, a line for each key and each list on one line."""
    lines = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in document.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def parity_document(parity: Parity) -> dict[str, Any]:
    """The check's figures."""
    return {
        "largest_difference": parity.difference,
        "largest_logit": parity.largest_logit,
        "allowed": parity.allowed,
        "float32_rounding": parity.rounding,
        "images": parity.images,
    }


def normalisation(subject: Subject) -> dict[str, Any] | None:
    """What images are divided by and normalised with; None where nobody has said.

    `scale` turns bytes into 0..1; then comes (pixel - mean) / std, by channel.
    """
    recorded = subject.record("normalisation")
    if isinstance(recorded, dict):
        return recorded
    if subject.spec.in_channels != _COLOURS:
        return None
    from nas.training.augment import MEAN, STD

    return {"mean": list(MEAN), "std": list(STD), "scale": 255}
