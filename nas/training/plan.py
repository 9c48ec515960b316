"""From a network, images and settings to a job: what `nas train` and `nas transfer` begin with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from nas.data.images import DataSet
from nas.data.resolution import LARGEST_PX, suggest_resolution
from nas.errors import TrainingError
from nas.model import Network, build
from nas.spec import ArchSpec
from nas.training.finetune import adopted, check_frozen, starting_network
from nas.training.initial import InitialWeights
from nas.training.job import Job
from nas.training.recipe import Recipe

FROM_SCRATCH_RECIPE = "short"
FINE_TUNING_RECIPE = "finetune"
FINE_TUNING_LAYER_DECAY = 0.75


@dataclass(frozen=True)
class Plan:
    """A job with the spec that it builds and the weights that it starts from."""

    job: Job
    spec: ArchSpec
    classes: tuple[str, ...]
    initial: InitialWeights | None = None

    def network(self) -> tuple[Network, dict[str, Any] | None]:
        """The network as training begins with it, and where its weights are from."""
        if self.initial is None:
            return build(self.spec, seed=self.job.seed), None
        network, new = starting_network(self.spec, self.initial, self.classes, seed=self.job.seed)
        return network, {
            "source": self.initial.source,
            "digest": self.initial.digest,
            "new_classifier": new,
        }


def plan_training(
    arch: ArchSpec,
    data: DataSet,
    recipe: Recipe,
    *,
    resolution: int | None = None,
    initial: InitialWeights | None = None,
    seed: int = 0,
    measured_on: str = "test",
    holdout: float = 0.0,
    freeze: int = 0,
    layer_decay: float = 1.0,
) -> Plan:
    """`arch` with the classes of the data, at `resolution` px (None: the network's own).

    Raises: TrainingError for a setting that cannot be.
    """
    if arch.in_channels != 3:
        raise TrainingError(
            f"{arch.name or arch.digest()} takes {arch.in_channels} channels; images have 3, so "
            "build it with in_channels 3"
        )
    if initial is None and freeze:
        raise TrainingError(
            f"--freeze is {freeze}, but the weights are new; give --from, or leave it out"
        )
    spec = dataclasses.replace(
        arch, classes=len(data.classes), resolution=resolution or arch.resolution
    )
    if initial is not None:
        spec = adopted(spec, initial)
    check_frozen(spec, freeze)
    job = Job(
        network=spec.digest(),
        name=spec.name or spec.digest(),
        resolution=spec.resolution,
        recipe=recipe,
        data=data.name,
        fingerprint=data.fingerprint,
        seed=seed,
        measured_on=measured_on,
        holdout=holdout,
        initial="" if initial is None else initial.digest,
        freeze=freeze,
        layer_decay=layer_decay,
    )
    return Plan(job, spec, tuple(data.classes), initial)


def reference_resolution(arch: ArchSpec, data: DataSet) -> int:
    """The input side of a published network on these images, in px.

    The images' own where they are smaller than what networks are usually published for, else the
    network's: a B3 keeps its 300 px on photographs, and takes 32 on CIFAR.
    """
    suggested = suggest_resolution(data.train)
    return suggested if suggested < min(LARGEST_PX, arch.resolution) else arch.resolution
