"""The settings of evaluator `train`, read from its options and checked without loading an image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.errors import ConfigError, EvaluationError

if TYPE_CHECKING:
    from nas.training.recipe import Recipe

DEFAULT_RECIPE = "short"
OPTIONS = (
    "data",
    "epochs",
    "subset",
    "recipe",
    "recipe_digest",
    "batch",
    "train_seeds",
    "device",
)
# Not a person's to give: what the images were when the search began, how many workers share the
# machine, and the weights that a trust report fine-tunes.
GIVEN_BY_THE_SEARCH = ("fingerprint", "workers", "pretrained")


@dataclass(frozen=True)
class TrainSettings:
    """How candidates are trained.

    data: as typed after `--data`. subset: the part of the search-train images that is used, as a
    fraction, or a number of images; None for all. seeds: trainings of one network, whose mean
    counts. device: None for the best there is. fingerprint: of the images, where it is known.
    workers: processes like this one on the machine. pretrained: a file of weights that trainings
    begin with.
    """

    data: str
    recipe: Recipe
    subset: float | int | None = None
    seeds: int = 1
    device: str | None = None
    fingerprint: str | None = None
    workers: int = 1
    pretrained: str | None = None


def with_recipe(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a recipe; of a recipe's file, what is in it belongs to the settings too.

    Raises: TrainingError if there is no such recipe.
    """
    from nas.training.recipe import recipe_file_digest

    recipe = str(options.get("recipe", DEFAULT_RECIPE))
    digest = recipe_file_digest(recipe)
    content = {} if digest is None else {"recipe_digest": digest}
    return {**options, "recipe": recipe, **content}


def read_settings(options: Mapping[str, Any]) -> TrainSettings:
    """Read the options. Raises: ConfigError or TrainingError, in one line, for what cannot be."""
    from nas.training.recipe import load_recipe, recipe_file_digest

    if options.get("data") is None:
        raise EvaluationError(
            "evaluator 'train' needs images: --data DIR, or --data sample to try it without any"
        )
    unknown = sorted(set(options) - {*OPTIONS, *GIVEN_BY_THE_SEARCH})
    if unknown:
        raise ConfigError(f"evaluator 'train' has no option '{unknown[0]}'; see docs/evaluators.md")
    name = str(options.get("recipe", DEFAULT_RECIPE))
    begun_with = options.get("recipe_digest")
    if begun_with is not None and recipe_file_digest(name) != begun_with:
        raise ConfigError(
            f"recipe {name} is not what it was when this began; restore it, or begin anew with it"
        )
    recipe = load_recipe(
        name,
        epochs=options.get("epochs"),
        batch_size=options.get("batch"),
    )
    return TrainSettings(
        data=str(options["data"]),
        recipe=recipe,
        subset=_subset(options.get("subset")),
        seeds=_whole(options.get("train_seeds", 1), "--train-seeds"),
        device=None if options.get("device") is None else str(options["device"]),
        fingerprint=options.get("fingerprint"),
        workers=_whole(options.get("workers", 1), "workers"),
        pretrained=options.get("pretrained"),
    )


def _subset(value: Any) -> float | int | None:
    if value is None:
        return None
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    # 1.0 is everything; more is a number of images.
    within = number is not None and 0 < number < math.inf
    if number is None or not within or (number > 1 and number != int(number)):
        raise ConfigError(
            f"--subset is {value}; it must be a fraction above 0 and at most 1, or a number of "
            "images"
        )
    return int(number) if number > 1 else float(number)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} is {value}; it must be a whole number of 1 or more")
    return value
