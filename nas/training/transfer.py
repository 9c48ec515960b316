"""One fine-tuning protocol over several data sets and models, the EfficientNet paper's Table 5.

Every model of a data set is trained in the same way: all layers, with the recipe's settings and
the layer decay, at one resolution, and measured once on the test images. A training has a folder
of its own, so that whatever was finished stays when the command is given again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nas.archs import find_network
from nas.data.images import DataSet
from nas.errors import TrainingError
from nas.training.initial import InitialWeights, read_initial
from nas.training.job import Job, held_training_folder, read_result
from nas.training.plan import plan_training
from nas.training.recipe import Recipe
from nas.training.run_job import run_job
from nas.training.timm_models import check_timm_name, timm_cost, timm_network
from nas.training.weight_header import read_header
from nas.training.weights import file_digest

OURS, SCRATCH, COMPARED = "fine-tuned", "from scratch", "compared"
_TIMM = "timm:"


@dataclass(frozen=True)
class Protocol:
    """How every model is trained on every data set. resolution in px.

    scratch_recipe: of the trainings from scratch, which need larger rates; of as many epochs.
    """

    recipe: Recipe
    scratch_recipe: Recipe
    layer_decay: float
    resolution: int
    seeds: tuple[int, ...] = (0,)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "recipe": self.recipe.to_dict(),
            "scratch_recipe": self.scratch_recipe.to_dict(),
            "layer_decay": self.layer_decay,
            "resolution": self.resolution,
            "seeds": list(self.seeds),
        }


@dataclass(frozen=True)
class Contestant:
    """A model of the comparison: weights of ours, the same network without them, or another's.

    label: unique in a comparison. kind: OURS, SCRATCH or COMPARED. timm: the model's name there.
    """

    label: str
    kind: str
    initial: InitialWeights | None = None
    timm: str = ""
    path: Path | None = None


def contestants(
    weights: Path, models: Sequence[str], *, from_scratch: bool
) -> tuple[Contestant, ...]:
    """Everything that is compared; every file is looked at before any training begins.

    models: "timm:NAME=FILE" or "ARCH=FILE".
    Raises: TrainingError, WeightsError, SpecError, in one line.
    """
    ours = read_initial(weights, None)
    name = ours.spec.name or ours.spec.digest()
    found = [Contestant(name, OURS, ours)]
    if from_scratch:
        found.append(Contestant(f"{name} from scratch", SCRATCH, ours))
    for model in models:
        found.append(_compared(model, {each.label for each in found}))
    return tuple(found)


def _compared(model: str, taken: set[str]) -> Contestant:
    name, separator, file = model.rpartition("=")
    if not separator or not name or not file:
        raise TrainingError(
            f"--model {model} is not NAME=FILE; write timm:resnet18=FILE.safetensors, or "
            "ARCH=FILE.safetensors for a network of `nas refs`"
        )
    path, label = Path(file), name
    while label in taken:
        label += "'"
    if not name.startswith(_TIMM):
        return Contestant(label, COMPARED, read_initial(path, find_network(name)))
    check_timm_name(name.removeprefix(_TIMM))
    read_header(path)
    return Contestant(label, COMPARED, timm=name.removeprefix(_TIMM), path=path)


@dataclass(frozen=True)
class Task:
    """One training of the comparison: its job, and how its network is made."""

    contestant: Contestant
    job: Job
    build: Callable[[], tuple[nn.Module, dict[str, Any] | None]]
    cost: dict[str, int] | None = None

    def folder(self, parent: Path, data: str) -> Path:
        """Where it is trained: a folder for the data, in it one for the model and seed."""
        label = "".join(c if c.isalnum() or c in "._-" else "-" for c in self.contestant.label)
        return parent / data / f"{label}-seed{self.job.seed}"


def plan_task(contestant: Contestant, data: DataSet, protocol: Protocol, seed: int) -> Task:
    """The training of a model on a data set. Raises: TrainingError, WeightsError."""
    if contestant.timm:
        return _timm_task(contestant, data, protocol, seed)
    initial = contestant.initial
    assert initial is not None
    scratch = contestant.kind == SCRATCH
    plan = plan_training(
        initial.spec,
        data,
        protocol.scratch_recipe if scratch else protocol.recipe,
        resolution=protocol.resolution,
        initial=None if scratch else initial,
        seed=seed,
        layer_decay=1.0 if scratch else protocol.layer_decay,
    )
    return Task(contestant, dataclasses.replace(plan.job, name=contestant.label), plan.network)


def _timm_task(contestant: Contestant, data: DataSet, protocol: Protocol, seed: int) -> Task:
    path, name, resolution = contestant.path, contestant.timm, protocol.resolution
    assert path is not None
    classes = len(data.classes)
    counted = timm_cost(name, classes, resolution, path)
    digest = file_digest(path)
    job = Job(
        network=f"{_TIMM}{name}",
        name=contestant.label,
        resolution=resolution,
        recipe=protocol.recipe,
        data=data.name,
        fingerprint=data.fingerprint,
        seed=seed,
        initial=digest,
        layer_decay=protocol.layer_decay,
    )

    def build() -> tuple[nn.Module, dict[str, Any]]:
        network = timm_network(name, path, classes, resolution=resolution, seed=seed)
        return network, {"source": f"{path.name} of timm", "digest": digest, "new_classifier": True}

    cost = {key: getattr(counted, key) for key in ("flops", "params", "activations")}
    return Task(contestant, job, build, cost)


def run_task(
    task: Task,
    data: DataSet,
    folder: Path,
    *,
    command: str,
    quiet: bool = False,
    device: str | None = None,
) -> dict[str, Any]:
    """Train and measure, or read what was measured before; the record of result.json.

    Raises: TrainingError, DataError, RunError if another process trains there.
    """
    if data.test is None:
        raise TrainingError(
            f"{data.name} has no test images, so transfer to it cannot be measured; put some in "
            "its folder test"
        )
    with held_training_folder(folder, task.job, command):
        known = read_result(folder)
        if known is not None:
            return known
        network, initial = task.build()
        result = run_job(
            task.job,
            network,
            data,
            folder,
            command=command,
            quiet=quiet,
            cost=task.cost,
            initial=initial,
            device=device,
        )
    assert result is not None
    return result
