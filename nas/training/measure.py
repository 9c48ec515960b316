"""Measuring trained weights on test images, and how a measured accuracy is recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nas.data.images import DataSet
from nas.data.streaming import pixel_source
from nas.errors import DataError
from nas.training.finetune import CLASSIFIER, class_order
from nas.training.loop import Evaluation, evaluate
from nas.training.predict import stored_side
from nas.training.weights import Weights


def measure(weights: Weights, data: DataSet, *, device: str | None = None) -> dict[str, Any]:
    """The accuracy of `weights` on the test images, as `accuracy_record` has it.

    Raises: DataError if the classes differ, which are named, or there are no test images.
    """
    check_classes(weights.classes, data)
    if data.test is None:
        raise DataError(
            f"{data.name} has no test images to measure on; put some in its folder test"
        )
    order = class_order(weights.classes, data.classes)
    assert order is not None
    network = weights.network()
    # The data's order of the classes may be another one than the weights'.
    classifier = network.get_submodule(CLASSIFIER)
    for parameter in classifier.parameters():
        parameter.data = parameter.data[order]
    pixels = pixel_source(data.test, None, stored_side(weights), report=data.problems)
    found = evaluate(network, pixels, resolution=weights.spec.resolution, device=device)
    return accuracy_record(found, data)


def accuracy_record(
    evaluation: Evaluation, data: DataSet, part: str = "test images"
) -> dict[str, Any]:
    """An evaluation as recorded: fractions, and what they were measured on.

    top1_standard_error is what another draw of as many images would move top-1 by.
    """
    spread = math.sqrt(evaluation.top1 * (1 - evaluation.top1) / evaluation.images)
    toy = ", a toy" if data.toy else ""
    return {
        "top1": evaluation.top1,
        "top1_standard_error": spread,
        "top5": evaluation.top5,
        "loss": evaluation.loss,
        "images": evaluation.images,
        "measured_on": f"{evaluation.images:,} {part} of {data.name}{toy}",
    }


def check_classes(known: Sequence[str], data: DataSet) -> None:
    """Compare class names. Raises: DataError naming those that only one side has."""
    lacking = [name for name in data.classes if name not in set(known)]
    absent = [name for name in known if name not in set(data.classes)]
    parts = []
    if lacking:
        parts.append(f"{data.name} has {_named(lacking)}, which the weights do not know")
    if absent:
        parts.append(f"the weights know {_named(absent)}, which {data.name} has not")
    if parts:
        raise DataError(
            f"the classes differ: {'; '.join(parts)}; name the data that they were trained for, "
            "or fine-tune them: `nas train --from WEIGHTS --data DATA`"
        )


def _named(names: list[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in names[:shown]) + more
