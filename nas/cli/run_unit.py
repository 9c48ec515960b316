"""The one figure that is measured for a plan's estimates: seconds of an image in an epoch."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cost import network_cost
from nas.pipeline.plan import Plan
from nas.pipeline.record import Record
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.searching.problem import Problem

_CANDIDATES = 200


@dataclass(frozen=True)
class Unit:
    """One image in one epoch of the network at the target. seconds: of a worker; None: unknown."""

    seconds: float | None
    source: str
    network: ArchSpec
    flops: int
    images: int
    searched_images: int

    def training(self, epochs: int, *, whole: bool, ratio: float = 1.0) -> float | None:
        """Seconds of a training on all training images, or on those that a search trains on.

        ratio: the network's FLOPs over those of the network at the target.
        """
        if self.seconds is None:
            return None
        images = self.images if whole else self.searched_images
        return self.seconds * images * epochs * ratio


def measured_unit(
    plan: Plan,
    parsed: Mapping[str, Mapping[str, Any]],
    problem: Problem | None,
    each: float | None,
    source: str,
    folder: Path,
    record: Record,
    images: DataSet,
) -> Unit:
    """Seconds of an image, by the search's evaluations or else by a part of one training."""
    from nas.archs import find_network
    from nas.data.splitting import search_split
    from nas.fitting.settings import baseline_for

    searched = len(search_split(images.train).search_train)
    seconds: float | None = None
    if problem is None:
        network = baseline_for(find_network(str(plan.network)), images, None)
        seconds, source = _tried(parsed, network) / searched, "tried on a part of one training"
    else:
        network = (
            find_network(str(folder / "search"))
            if record.done("search")
            else _network_near(problem)
        )
        options = problem.config.options
        epochs = options.get("epochs")
        if each is not None and isinstance(epochs, int):
            share = share_of(options.get("subset"), searched)
            seeds = int(options.get("train_seeds", 1))
            seconds = each / (epochs * seeds * share * searched)
    flops = network_cost(network).flops
    return Unit(seconds, source, network, flops, len(images.train), searched)


def _tried(parsed: Mapping[str, Mapping[str, Any]], network: ArchSpec) -> float:
    """Seconds of an epoch on what a search would train on."""
    from nas.evaluators.base import EvaluationContext
    from nas.evaluators.train import TrainEvaluator

    named = next(p for p in parsed.values() if p.get("data") is not None)
    options: dict[str, Any] = {"data": named["data"], "epochs": 1}
    if named.get("device") is not None:
        options["device"] = named["device"]
    return TrainEvaluator().try_seconds(EvaluationContext(None, 0, options=options), network)


def _network_near(problem: Problem) -> ArchSpec:
    """Of some random networks, the one whose FLOPs are nearest to the target."""
    from nas.space import random_network

    source = random.Random(problem.config.seed)
    networks = [random_network(problem.space, source)[0] for _ in range(_CANDIDATES)]
    target = problem.config.target_flops
    return min(networks, key=lambda network: abs(network_cost(network).flops - target))


def share_of(subset: Any, searched: int) -> float:
    """The part of `searched` images that `--subset` leaves."""
    if subset is None:
        return 1.0
    return float(subset) if isinstance(subset, float) else min(1.0, int(subset) / searched)


def images_of(parsed: Mapping[str, Mapping[str, Any]]) -> DataSet | None:
    """The images that the first stage with any trains on; None where none does.

    Raises: DataError if there are none of that name.
    """
    from nas.data.opening import open_data

    named = [parameters.get("data") for parameters in parsed.values()]
    data = next((name for name in named if name is not None), None)
    return None if data is None else open_data(data)
