"""From what a person gives a study to its `StudyConfig`: defaults, and what the images say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.data.located import whole_path
from nas.errors import ConfigError
from nas.fitting.settings import baseline_for, recipe_epochs, run_of, take_evaluator_options
from nas.registry import did_you_mean
from nas.scaling.coefficient_files import FILE, read_coefficients
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.rules import RULES
from nas.spec import ArchSpec
from nas.studies.config import StudyConfig

if TYPE_CHECKING:
    from nas.data.images import DataSet

PUBLISHED = "published"


def study_config(
    baseline: ArchSpec, data: str | None, images: DataSet | None, settings: dict[str, Any]
) -> StudyConfig:
    """The configuration of a study, at the classes and the resolution of the images.

    settings: recipe, subset, batch, device, resolution, epochs and given_options (the evaluator's),
    where None is the default; the others are `StudyConfig`'s own.
    Raises: NasError for settings that contradict each other.
    """
    options = take_evaluator_options(settings, images, "a study")
    epochs = settings.pop("epochs")
    if epochs is None and settings["evaluator"] == "train":
        epochs = recipe_epochs(options)
    return StudyConfig(
        baseline=baseline_for(baseline, images, settings.pop("resolution")),
        data=data,
        data_path=whole_path(data),
        epochs=epochs,
        evaluator_options=tuple(sorted(options.items())),
        **settings,
    )


def chosen_coefficients(text: str | None, run: Path | None) -> ScalingCoefficients:
    """What compound scaling grows by: of a file, by name, or of the run where it has been fitted.

    text: "published" (the paper's 1.2, 1.1, 1.15), a rule of `nas family`, a file or a folder that
    holds coefficients.json; None for the run's, else the published.
    Raises: ConfigError if there is none of that name.
    """
    if text is None:
        return read_coefficients(run) if run is not None and (run / FILE).is_file() else PAPER
    if text == PUBLISHED:
        return PAPER
    if text in RULES:
        return RULES[text].coefficients
    if not Path(text).exists():
        raise ConfigError(
            f"no coefficients '{text}': neither a file nor a name; "
            f"{did_you_mean(text, [PUBLISHED, *RULES])}"
        )
    return read_coefficients(Path(text))


def default_folder(baseline: str) -> Path:
    """Where a study goes unless told: into its run, or beside the user's work.

    Named after what was typed: a name inside a file may be any text.
    """
    run = run_of(baseline)
    if run is not None:
        return run / "study"
    path = Path(baseline)
    return Path(f"study-{path.stem if path.exists() else baseline.replace(':', '-')}")
