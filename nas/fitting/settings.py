"""From what a person gives a fit to its `FitConfig`: defaults, and what the images say.

The command and the Python API both go through here, so that the same settings are the same fit.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.data.located import whole_path
from nas.errors import ConfigError
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.fitting.config import FitConfig

# Options of the evaluator that the fit gives itself.
_OWN_FLAGS = {
    **{name: f"--{name}" for name in ("data", "epochs", "recipe", "subset", "batch", "device")},
    "train_seeds": "--seeds: every training counts by itself",
}


def fit_config(
    baseline: ArchSpec, data: str | None, images: DataSet | None, settings: dict[str, Any]
) -> FitConfig:
    """The configuration of a fit, at the classes and the resolution of the images.

    settings: recipe, subset, batch, device, resolution, epochs and given_options (the evaluator's),
    where None is the default; the others are `FitConfig`'s own.
    Raises: NasError for settings that contradict each other.
    """
    from nas.fitting.config import FitConfig

    options = take_evaluator_options(settings, images, "a fit")
    epochs = settings.pop("epochs")
    if settings["evaluator"] == "train":
        epochs = epochs or (recipe_epochs(options),)
    baseline = baseline_for(baseline, images, settings.pop("resolution"))
    settings["step"] = settings["step"] or None
    return FitConfig(
        baseline=baseline,
        data=data,
        data_path=whole_path(data),
        epochs=epochs,
        evaluator_options=tuple(sorted(options.items())),
        **settings,
    )


def take_evaluator_options(
    settings: dict[str, Any], images: DataSet | None, what: str
) -> dict[str, Any]:
    """Take the evaluator's options out of `settings`; `what` trains ("a fit").

    Raises: ConfigError for an option that has a flag of its own, or where images lack.
    """
    from nas.evaluators.train_settings import with_recipe

    options = dict(settings.pop("given_options"))
    for name in options:
        if name in _OWN_FLAGS:
            raise ConfigError(f"--option {name} is not for {what}; use {_OWN_FLAGS[name]}")
    given = {name: settings.pop(name) for name in ("recipe", "subset", "batch", "device")}
    options |= {name: value for name, value in given.items() if value is not None}
    if settings["evaluator"] == "train":
        if images is None:
            raise ConfigError(
                f"{what} trains networks and needs images: --data DIR, or --data sample to try it"
            )
        options = with_recipe(options)
    return options


def recipe_epochs(options: dict[str, Any]) -> int:
    """How long the options' recipe trains. Raises: TrainingError if there is no such recipe."""
    from nas.training.recipe import load_recipe

    return load_recipe(options["recipe"]).epochs


def baseline_for(baseline: ArchSpec, images: DataSet | None, resolution: int | None) -> ArchSpec:
    """The baseline with the images' classes, at `resolution` or else at one that suits them."""
    from nas.archs import resized

    if images is not None:
        from nas.data.resolution import suggest_resolution

        suited = min(baseline.resolution, suggest_resolution(images.train))
        baseline = resized(baseline, resolution=suited, classes=len(images.classes))
    if resolution is not None:
        baseline = dataclasses.replace(baseline, resolution=resolution)
    return baseline


def data_of_run(run: Path | None) -> str | None:
    """The images that a run was searched with."""
    if run is None:
        return None
    from nas.runs.records import read_run

    return read_run(run).config.images


def run_of(baseline: str) -> Path | None:
    """The search that a baseline is the best network of, by its folder or that of its `nas run`;
    None where it is another network.
    """
    from nas.runs.finding import MARKER, SEARCH

    folders = (Path(baseline), Path(baseline) / SEARCH)
    return next((folder for folder in folders if (folder / MARKER).is_file()), None)


def default_folder(baseline: str) -> Path:
    """Where a fit goes unless told: into its run, or beside the user's work.

    Named after what was typed: a name inside a file may be any text.
    """
    run = run_of(baseline)
    if run is not None:
        return run / "fit"
    path = Path(baseline)
    return Path(f"fit-{path.stem if path.exists() else baseline.replace(':', '-')}")
