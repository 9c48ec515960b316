"""What a training makes depends on, and the folder that holds it while it goes on.

job.json             the settings, written first; another training is refused by what differs
log.csv, checkpoint  the training loop's
weights.safetensors  the weights
result.json          what was measured, written last: the mark of a finished training
lock                 held while a process trains
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.located import whole_path
from nas.errors import TrainingError
from nas.files import make_folder, write_text_atomic
from nas.training.recipe import Recipe

JOB_SCHEMA = 1
JOB, RESULT, WEIGHTS = "job.json", "result.json", "weights.safetensors"
CHECKPOINT, LOG = "checkpoint.pt", "log.csv"
TRAINED = Path("trained")

# What says where a recipe is from changes nothing that is trained.
_LABELS = ("name", "source", "expected")


@dataclass(frozen=True)
class Job:
    """The settings that decide what a training makes.

    network: its digest, or another identity. resolution in px. data: as a person typed it;
    fingerprint: of its images. measured_on: "test", or "search-val", where the test images are
    left alone. holdout: the fraction of the training images that each epoch is judged on. initial:
    digest of the weights it starts from, or "". freeze: how many stages stay as they are.
    """

    network: str
    name: str
    resolution: int
    recipe: Recipe
    data: str
    fingerprint: str
    seed: int = 0
    measured_on: str = "test"
    holdout: float = 0.0
    initial: str = ""
    freeze: int = 0
    layer_decay: float = 1.0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise TrainingError(f"--seed is {self.seed}; it must be zero or more")
        if not 0 <= self.holdout < 1:
            raise TrainingError(f"--holdout is {self.holdout:g}; it must be at least 0 and below 1")
        if not 0 < self.layer_decay <= 1:
            raise TrainingError(
                f"--layer-decay is {self.layer_decay:g}; it must be above 0 and at most 1"
            )

    def identity(self) -> dict[str, Any]:
        """The settings by name, flat; two jobs with equal ones make the same weights."""
        recipe = {k: v for k, v in self.recipe.to_dict().items() if k not in _LABELS}
        content = {
            "network": self.network,
            "resolution": self.resolution,
            "images": self.fingerprint[:16],
            "seed": self.seed,
            "measured on": self.measured_on,
            "holdout": self.holdout,
            "initial weights": self.initial,
            "freeze": self.freeze,
            "layer decay": self.layer_decay,
            **{name.replace("_", " "): value for name, value in recipe.items()},
        }
        return json.loads(json.dumps(content))  # type: ignore[no-any-return]

    def label(self) -> str:
        """A folder's name: the network's and the data's."""
        data = self.data.partition(":")[0].rstrip("/")
        return f"{_as_file_name(self.name)}-{_as_file_name(Path(data).resolve().name)}"


def difference(recorded: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """How two identities differ: "seed 0 -> 1, epochs 5 -> 10"; None if they do not."""
    names = dict.fromkeys((*recorded, *wanted))
    changed = [
        f"{name} {_shown(recorded.get(name))} -> {_shown(wanted.get(name))}"
        for name in names
        if recorded.get(name) != wanted.get(name)
    ]
    return ", ".join(changed) or None


def choose_training_folder(job: Job, parent: Path = TRAINED) -> Path:
    """The folder of a training that names none: trained/<network>-<data>.

    One that already holds this training is gone on with; a name that another has taken gets a
    number.
    """
    number = 1
    while True:
        folder = parent / (job.label() if number == 1 else f"{job.label()}-{number}")
        try:
            if read_identity(folder) in (None, job.identity()):
                return folder
        except TrainingError:
            pass
        number += 1


@contextmanager
def held_training_folder(folder: Path, job: Job, command: str) -> Iterator[None]:
    """Hold a training's folder, made now or found made by the same settings.

    One in which nothing was trained yet is taken over by other settings. Raises: TrainingError if
    it is foreign, damaged or of other settings, which are named; RunError if it is in use.
    """
    from nas.runs.records import locked

    goes_on(folder, job)  # what is refused should get no lock of ours
    make_folder(folder)
    with locked(folder):
        if not goes_on(folder, job):
            write_job(folder, job, command)
        yield


def goes_on(folder: Path, job: Job) -> bool:
    """Whether a training in the folder is gone on with; False where it is free for this one.

    Raises: TrainingError if it is foreign, damaged or of other settings, which are named.
    """
    recorded = read_identity(folder)
    if recorded is None:
        return False
    changed = difference(recorded, job.identity())
    if changed is not None:
        raise TrainingError(
            f"{folder} was trained with other settings ({changed}); use its settings to go on, or "
            "another --out"
        )
    return True


def write_job(folder: Path, job: Job, command: str) -> None:
    """Record the settings of a training, new or instead of others. Raises: WriteError."""
    from nas.runs.records import provenance

    document = {
        "schema": JOB_SCHEMA,
        "kind": "training",
        "command": command,
        "name": job.name,
        "data": job.data,
        "data_path": whole_path(job.data),
        "recipe": job.recipe.name,
        "settings": job.identity(),
        **provenance(),
    }
    make_folder(folder)
    write_text_atomic(folder / JOB, json.dumps(document, indent=2) + "\n")


def read_identity(folder: Path) -> dict[str, Any] | None:
    """The settings that a folder was trained with; None where nothing was trained there yet.

    A training that failed before its first checkpoint leaves settings, and nothing to go on with.
    Raises: TrainingError if it is a file, or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise TrainingError(f"{folder} is a file; --out must name a folder")
    path = folder / JOB
    if not path.exists():
        if folder.is_dir() and any(entry.name != "lock" for entry in folder.iterdir()):
            raise TrainingError(
                f"{folder} holds files but no {JOB}, so nas trained nothing there; choose "
                "another --out"
            )
        return None
    document = _read(path)
    settings = document.get("settings")
    if document.get("kind") != "training" or not isinstance(settings, dict):
        raise TrainingError(f"{path} is not the record of a training; choose another --out")
    schema = document.get("schema")
    if not isinstance(schema, int) or schema > JOB_SCHEMA:
        raise TrainingError(
            f"{path} has schema {schema}, newer than the {JOB_SCHEMA} that this version reads; "
            "upgrade compound-nas"
        )
    begun = any((folder / name).exists() for name in (CHECKPOINT, LOG, WEIGHTS, RESULT))
    return settings if begun else None


def read_result(folder: Path) -> dict[str, Any] | None:
    """What a finished training measured; None where it is not finished."""
    path = folder / RESULT
    return _read(path) if path.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); restore it, or start anew") from None
    if not isinstance(document, dict):
        raise TrainingError(f"{path} is damaged: it holds no object; restore it, or start anew")
    return document


def _shown(value: Any) -> str:
    return "none" if value in (None, "") else str(value)


def _as_file_name(text: str) -> str:
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in text)
    return kept.strip(".-")[:60] or "network"
