"""Accuracies measured here: weights of the compared networks on test images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.archs import reference_networks
from nas.comparison.networks import (
    HERE,
    ComparedNetwork,
    accuracy_of_record,
    find_compared,
)
from nas.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.training.weights import Weights


def with_weights(
    networks: Sequence[ComparedNetwork], given: Sequence[str], resolution: int | None
) -> list[ComparedNetwork]:
    """The networks, each with the file of `given` that belongs to it, and those that are new.

    given: FILE of `nas train`, which is a network of its own, or ARCH=FILE under torchvision's or
    timm's names, where ARCH is among the networks.
    Raises: NasError if ARCH is not, or is no spec, or the file cannot be read.
    """
    found = list(networks)
    for text in given:
        name, separator, file = text.partition("=")
        if not separator or Path(text).exists():
            found.append(find_compared(text, resolution=resolution))
            continue
        place = next((i for i, network in enumerate(found) if network.name == name), None)
        if place is None:
            raise ConfigError(
                f"--weights {text}: '{name}' is not among the networks to compare; name it as "
                "it is named there"
            )
        if found[place].spec is None:
            raise ConfigError(
                f"--weights {text}: {name} is a library's network; nas reads weights of networks "
                f"that are specs, such as {', '.join(list(reference_networks())[:3])}"
            )
        found[place] = dataclasses.replace(found[place], weights=Path(file))
    return found


def measured(
    network: ComparedNetwork, data: DataSet, *, device: str | None = None
) -> ComparedNetwork:
    """The network with the accuracy of its weights on the test images, and at their classes.

    Raises: NasError if the file is of another network or other classes.
    """
    from nas.cost import network_cost
    from nas.training.measure import measure

    assert network.weights is not None
    weights = _load(network, network.weights, data)
    cost = network_cost(weights.spec)
    return dataclasses.replace(
        network,
        resolution_px=weights.spec.resolution,
        flops=cost.flops,
        params=cost.params,
        activations=cost.activations,
        network=weights.spec,
        accuracy=accuracy_of_record(measure(weights, data, device=device), HERE),
    )


def _load(network: ComparedNetwork, path: Path, data: DataSet) -> Weights:
    from nas.training.initial import read_initial
    from nas.training.weight_header import read_header
    from nas.training.weights import Weights, load_weights

    spec = network.spec
    assert spec is not None
    if "spec" in read_header(path).metadata:
        weights = load_weights(path)
        # Another resolution may have been asked for.
        sized = dataclasses.replace(weights.spec, resolution=spec.resolution)
        return dataclasses.replace(weights, spec=sized)
    initial = read_initial(path, spec)
    if initial.spec.classes != len(data.classes):
        raise TrainingError(
            f"{path} has {initial.spec.classes} outputs and {data.name} {len(data.classes)} "
            "classes; measure it on the data that it was trained for"
        )
    # The file names no classes: the data's own order is that of folders' names, as libraries have
    # it, and for CIFAR that of its labels.
    return Weights(initial.spec, initial.state, data.classes, {})
