"""`nas.train` and `nas.evaluate`: `nas train` and `nas eval` as functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.api.calls import Arch, call_text, path_or_none, sayer
from nas.data.duplicates import report_duplicates
from nas.data.opening import open_data
from nas.errors import TrainingError
from nas.spec import ArchSpec
from nas.training.devices import chosen_device
from nas.training.job import WEIGHTS
from nas.training.measure import measure
from nas.training.plan import FINE_TUNING_RECIPE, FROM_SCRATCH_RECIPE
from nas.training.recipe import load_recipe
from nas.training.settings import network_to_train, plan_of_settings
from nas.training.weights import load_weights
from nas.training.working import train_in_folder

if TYPE_CHECKING:
    import pandas as pd

    from nas.model import Network


@dataclass(frozen=True)
class MeasuredAccuracy:
    """Fractions and mean cross-entropy on `images` images; `measured_on` says which.

    top1_standard_error: what another draw of as many images would move top-1 by.
    """

    top1: float
    top1_standard_error: float
    top5: float
    loss: float
    images: int
    measured_on: str

    def __str__(self) -> str:
        spread = 100 * self.top1_standard_error
        return f"top-1 {100 * self.top1:.2f} ± {spread:.2f} % on {self.measured_on}"


@dataclass(frozen=True)
class TrainingResult:
    """A finished training. folder: holds weights.safetensors, result.json and log.csv.

    accuracy: measured once at the end; None where the data have no images for it. document: all
    that result.json holds.
    """

    folder: Path
    accuracy: MeasuredAccuracy | None
    document: dict[str, Any]

    @property
    def weights(self) -> Path:
        """The weight file, which `nas.build`, `nas.evaluate` and `nas.export_network` take."""
        return self.folder / WEIGHTS

    @property
    def log(self) -> pd.DataFrame:
        """One row for each epoch."""
        import pandas as pd

        return pd.read_csv(self.folder / "log.csv")

    def network(self) -> Network:
        """The trained network, in evaluation mode."""
        return load_weights(self.weights).network()

    def __str__(self) -> str:
        accuracy = "accuracy not measured" if self.accuracy is None else str(self.accuracy)
        return f"{self.document['name']}: {accuracy}; weights: {self.weights}"


def train(
    arch: Arch | None = None,
    *,
    data: str | Path,
    recipe: str | Path | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    settings: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    norm_eps: float | None = None,
    freeze: int = 0,
    layer_decay: float | None = None,
    resolution: int | None = None,
    on_search_val: bool = False,
    holdout: float = 0.0,
    seed: int = 0,
    device: str | None = None,
    strict: bool = False,
    out: str | Path | None = None,
    quiet: bool = False,
) -> TrainingResult:
    """Train a network on all training images, and measure it once on the test images.

    The settings are those of `nas train`, with its defaults. arch: None is the newest run's best,
    or the network of `weights`, which are what it starts from. settings: any others of the recipe
    ({"mixup": 0.2}). The same call goes on where it was; a finished training is read, not repeated.

    Raises: NasError, in one line, for settings that cannot be or a folder of another training.
    """
    command = call_text(train, locals())
    say = sayer(quiet)
    usual = FINE_TUNING_RECIPE if weights is not None else FROM_SCRATCH_RECIPE
    chosen = load_recipe(
        usual if recipe is None else recipe,
        epochs=epochs,
        batch_size=batch,
        learning_rate=learning_rate,
        **(settings or {}),
    )
    chosen_device(device)
    named = arch if arch is None or isinstance(arch, ArchSpec) else str(arch)
    spec, initial, own_resolution = network_to_train(named, path_or_none(weights), norm_eps, say)
    opened = open_data(str(data), strict=strict)
    report_duplicates(opened, opened.problems)
    plan = plan_of_settings(
        spec,
        initial,
        own_resolution,
        opened,
        chosen,
        say,
        resolution=resolution,
        on_search_val=on_search_val,
        holdout=holdout,
        layer_decay=layer_decay,
        seed=seed,
        freeze=freeze,
    )
    trained = train_in_folder(
        plan, opened, path_or_none(out), command=command, device=device, quiet=quiet
    )
    for line in (*opened.notes, *opened.problems.lines()):
        say(line)
    document = trained.result
    assert document is not None
    return TrainingResult(trained.folder, _accuracy(document["accuracy"]), document)


def evaluate(
    weights: str | Path | TrainingResult,
    *,
    data: str | Path,
    device: str | None = None,
    strict: bool = False,
) -> MeasuredAccuracy:
    """Measure trained weights on the test images, as `nas eval` does.

    weights: a file of `nas.train`, its folder, or what `nas.train` returned.
    Raises: NasError, in one line, if the classes differ or there are no test images.
    """
    chosen_device(device)
    path = weights.weights if isinstance(weights, TrainingResult) else Path(weights)
    loaded = load_weights(path / WEIGHTS if path.is_dir() else path)
    found = _accuracy(measure(loaded, open_data(str(data), strict=strict), device=device))
    if found is None:
        raise TrainingError(f"{data} has no test images to measure on")
    return found


def _accuracy(record: dict[str, Any] | None) -> MeasuredAccuracy | None:
    return None if record is None else MeasuredAccuracy(**record)
