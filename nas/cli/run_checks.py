"""What would stop a stage hours later, looked for before the first one begins."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas.cli.run_family import check_family
from nas.errors import ConfigError, NasError
from nas.pipeline.plan import Plan

if TYPE_CHECKING:
    from nas.searching.problem import Problem
    from nas.training.recipe import Recipe

_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def check_ahead(
    plan: Plan, parsed: Mapping[str, Mapping[str, Any]], *, searching: bool = True
) -> None:
    """Open the images, read the recipes, find the member, the packages and the given network.

    parsed: stage -> what its command reads, by parameter. searching: whether the search is still to
    begin; it looks at all images, which need not be done each time.
    Raises: ConfigError, in one line, naming the stage.
    """
    opened: set[str] = set()
    for stage, parameters in parsed.items():
        try:
            _check_recipe(stage, parameters)
            data = parameters.get("data")
            if data is not None and data not in opened:
                from nas.data.opening import open_data

                open_data(data)
                opened.add(data)
            if stage == "search" and searching:
                search_problem(parameters)
            if stage == "family":
                check_family(plan, parameters)
        except NasError as error:
            raise ConfigError(f"{plan.source} [{stage}]: {error}") from None
    if plan.network is not None:
        from nas.archs import find_network

        find_network(plan.network)
    _check_fit(plan, parsed)
    if plan.has("export") and "onnx" in plan.targets:
        absent = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
        if absent:
            raise ConfigError(
                f"{plan.source} [export]: --to onnx needs {', '.join(absent)}; "
                "install compound-nas[export], or take onnx out of the plan"
            )


def search_problem(parameters: Mapping[str, Any]) -> Problem:
    """What a search is about. Raises: NasError for settings that it would refuse."""
    from nas.searching.optuna_samplers import check_sampler
    from nas.searching.problem import load_problem
    from nas.searching.settings import search_config

    kept = {"trust", "out", "workers", "ray", "gpus_per_candidate", "dry_run", "quiet", "as_json"}
    settings = {name: value for name, value in parameters.items() if name not in kept}
    objectives = settings.pop("objectives")
    split = tuple(part.strip() for part in objectives.split(",")) if objectives else ()
    config = search_config([], objectives=split, **settings)
    check_sampler(config.sampler)
    return load_problem(config)


def training_recipe(parameters: Mapping[str, Any]) -> Recipe:
    """The recipe that `nas train` follows. Raises: NasError if there is none such."""
    from nas.cli.training_options import recipe_changes
    from nas.training.recipe import load_recipe

    changes = recipe_changes(
        *(parameters[name] for name in ("epochs", "batch", "learning_rate", "settings"))
    )
    given = parameters["recipe_name"]
    return load_recipe(given or ("finetune" if parameters["from_path"] else "short"), **changes)


def search_epochs(parameters: Mapping[str, Any]) -> int:
    """How long a search trains each network. Raises: NasError if its recipe cannot be read."""
    from nas.evaluators.train_settings import DEFAULT_RECIPE
    from nas.training.recipe import load_recipe

    recipe = load_recipe(parameters["recipe"] or DEFAULT_RECIPE)
    return int(parameters["epochs"] or recipe.epochs)


def _check_recipe(stage: str, parameters: Mapping[str, Any]) -> None:
    if stage in ("retrain", "train"):
        training_recipe(parameters)
    elif stage in ("search", "fit-scaling") and parameters.get("recipe"):
        from nas.training.recipe import load_recipe

        load_recipe(parameters["recipe"])


def _check_fit(plan: Plan, parsed: Mapping[str, Mapping[str, Any]]) -> None:
    """Whether there are images to fit on: the fit's own, or those of the search."""
    named = [parsed.get(stage, {}).get("data") for stage in ("fit-scaling", "search")]
    if plan.has("fit-scaling") and plan.network is None and not any(named):
        raise ConfigError(f"{plan.source} [fit-scaling]: a fit trains networks; give it data")
