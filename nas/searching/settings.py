"""From what a person gives a search to its `SearchConfig`: defaults, bounds, what the images say.

The command and the Python API both go through here, so that the same settings are the same run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nas.data.located import whole_path
from nas.errors import ConfigError
from nas.objective import Bound
from nas.searching.config import SearchConfig
from nas.units import format_count

DEFAULT_TRIALS = 300
# A model of the accuracies reaches B0's in about 40 evaluations in the median and 60 in nine of
# ten searches (docs/results/search_quality.md); each costs a training here.
DEFAULT_TRAINED_TRIALS = 60
# Names of options -> their flags, where a flag is not the name.
_TRAINING = ("epochs", "subset", "recipe", "batch", "train_seeds", "device")


def search_config(
    notes: list[str],
    *,
    target_flops: int,
    max_flops: int | None = None,
    max_params: int | None = None,
    max_activations: int | None = None,
    max_latency: Iterable[tuple[str, float]] = (),
    min_throughput: Iterable[tuple[str, float]] = (),
    objectives: tuple[str, ...] = (),
    timeout: float | None = None,
    warm_start: tuple[str, ...] = (),
    **settings: Any,
) -> SearchConfig:
    """The configuration of a search; None means the default, which images may decide.

    settings: those that `completed` takes. max_latency in ms and min_throughput in images/s, by
    device. notes: gets a line for each thing that was decided here.
    Raises: NasError for images or settings that cannot be.
    """
    bounds = [
        Bound(metric, float(limit))
        for metric, limit in (
            ("flops", max_flops),
            ("params", max_params),
            ("activations", max_activations),
        )
        if limit is not None
    ]
    bounds += [Bound(f"latency:{device}", limit) for device, limit in max_latency]
    bounds += [Bound(f"throughput:{device}", limit, "min") for device, limit in min_throughput]
    searches_hard = settings["reward"] == "hard" and settings["exponents"] is None
    if settings["data"] is not None and max_flops is None and searches_hard and not objectives:
        # Where an evaluation is a training, one of a network that cannot be the answer is wasted.
        bounds.append(Bound("flops", float(target_flops)))
        notes.append(
            f"networks above {format_count(target_flops)} FLOPs are refused untrained; --max-flops "
            "sets another limit"
        )
    return SearchConfig(
        target_flops=target_flops,
        bounds=tuple(bounds),
        objectives=objectives,
        timeout_seconds=timeout,
        warm_start=warm_start,
        **completed(settings, notes),
    )


def completed(settings: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The settings of a `SearchConfig` from those given: defaults, and what the images say.

    notes: gets a line for each thing that was decided here.
    Raises: NasError for images or settings that cannot be.
    """
    data = settings.get("data")
    trained = data is not None
    options = dict(settings.pop("given_options"))
    if "data" in options:
        raise ConfigError(f"--option data={options['data']}: images are named by --data")
    for name in _TRAINING:
        value = settings.pop(name)
        if value is None:
            continue
        if not trained and name not in options:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{flag} is for searches that train on images; add --data DIR")
        options[name] = value
    strict = settings.pop("strict", False)
    if strict and not trained:
        raise ConfigError("--strict is for searches that train on images; add --data DIR")
    settings["evaluator"] = settings["evaluator"] or ("train" if trained else "imagenet")
    settings["space"] = settings["space"] or ("mbconv-elastic" if trained else "mbconv")
    if settings["trials"] is None:
        settings["trials"] = DEFAULT_TRAINED_TRIALS if trained else DEFAULT_TRIALS
    if trained:
        settings["data_path"] = whole_path(str(data))
        _read_data(str(data), settings, options, notes, strict=strict)
    settings["evaluator_options"] = tuple(sorted(options.items()))
    return settings


def _read_data(
    data: str,
    settings: dict[str, Any],
    options: dict[str, Any],
    notes: list[str],
    *,
    strict: bool,
) -> None:
    """Classes and resolution from the images, epochs from the recipe, where they are not given."""
    from nas.data.duplicates import report_duplicates
    from nas.data.opening import open_data
    from nas.data.resolution import suggest_resolution

    images = open_data(data, strict=strict)
    if strict:
        from nas.data.inspection import inspect

        inspect(images)
    else:
        report_duplicates(images, images.problems)
    notes += [*images.notes, *images.problems.lines()]
    if settings["classes"] is None:
        settings["classes"] = len(images.classes)
    if settings["resolution"] is None:
        settings["resolution"] = suggest_resolution(images.train)
        notes.append(
            f"resolution {settings['resolution']} px, from the typical shorter side of the images; "
            "--resolution sets another"
        )
    if settings["evaluator"] == "train":
        from nas.evaluators.train_settings import with_recipe
        from nas.training.recipe import load_recipe

        options.update(with_recipe(options))
        if "epochs" not in options:
            options["epochs"] = load_recipe(options["recipe"]).epochs
