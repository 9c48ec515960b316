"""About what each stage of a plan takes: seconds, hours of workers, bytes.

Two figures are measured: seconds of an epoch of a network at the target, as `nas search --dry-run`
finds it, and seconds until a process has started. The others follow from epochs, images and FLOPs.
Time does not grow as FLOPs do, least of all on a GPU, so they are a guide: see `SPREAD`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.run_checks import search_epochs, search_problem, training_recipe
from nas.cli.run_start import start_seconds, starts
from nas.cli.run_unit import Unit, images_of, measured_unit, share_of
from nas.cost import network_cost
from nas.errors import NasError
from nas.pipeline.plan import Plan
from nas.pipeline.record import Record
from nas.spec import ArchSpec
from nas.units import format_duration, how_many

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.searching.problem import Problem

# Weights, two moments of the optimiser and averaged weights, in float32.
CHECKPOINT_BYTES = 16
WEIGHT_BYTES = 4
# A line of a journal and a result file of a training.
TRAINING_BYTES = 10_000
SMALL_BYTES = 100_000
REPORT_BYTES = 2_000_000
SPREAD = 2.0
"""A whole run takes the sum of the estimates within this factor; docs/run.md has what was seen."""

# What `nas fit-scaling` reads beside the fields of its configuration.
_FIT_SETTINGS = frozenset({"recipe", "subset", "batch", "device", "resolution", "given_options"})


@dataclass(frozen=True)
class Estimate:
    """seconds: None where nobody knows; with `start_seconds`, of processes that start.
    worker_hours: of all workers together; None for stages that train nothing. source: how the
    seconds are known.
    """

    seconds: float | None
    worker_hours: float | None
    bytes: float
    source: str
    start_seconds: float = 0.0


def estimates(
    plan: Plan, parsed: Mapping[str, Mapping[str, Any]], folder: Path, record: Record
) -> dict[str, Estimate]:
    """Stage -> what it takes. parsed: stage -> what its command reads, by parameter.

    Raises: NasError for settings that a stage would refuse.
    """
    started = start_seconds()
    return {
        stage: _started(one, started * starts(plan, parsed, stage))
        for stage, one in _worked_stages(plan, parsed, folder, record).items()
    }


def _started(estimate: Estimate, seconds: float) -> Estimate:
    if estimate.seconds is None:
        return estimate
    source = ", ".join(filter(None, (estimate.source, f"{format_duration(seconds)} to start")))
    total = estimate.seconds + seconds
    return dataclasses.replace(estimate, seconds=total, source=source, start_seconds=seconds)


def _worked_stages(
    plan: Plan, parsed: Mapping[str, Mapping[str, Any]], folder: Path, record: Record
) -> dict[str, Estimate]:
    """As `estimates`, without what processes take to start."""
    found = {stage: _small(stage) for stage in plan.stages}
    problem: Problem | None = None
    each: float | None = None
    source = "nothing tells"
    if plan.has("search"):
        problem, found["search"], each, source = _search(parsed["search"], folder)
    images = images_of(parsed)
    if images is None:
        return found
    unit = measured_unit(plan, parsed, problem, each, source, folder, record, images)
    if plan.has("trust"):
        found["trust"] = _trust(parsed, unit)
    if plan.has("retrain"):
        found["retrain"] = _training(parsed["retrain"], unit, unit.network)
    if plan.has("fit-scaling"):
        found["fit-scaling"] = _fit(parsed["fit-scaling"], unit, images)
    if plan.has("train"):
        member = _member(plan, parsed["family"], unit.network)
        found["train"] = _training(parsed["train"], unit, member)
    if plan.has("export"):
        weights = sum(
            network_cost(
                _member(plan, parsed["family"], unit.network) if one == "train" else unit.network
            ).params
            for one in plan.exported
        )
        size = WEIGHT_BYTES * weights * len(plan.targets) + SMALL_BYTES
        found["export"] = Estimate(0.0, None, size, "")
    return found


def _small(stage: str) -> Estimate:
    return Estimate(0.0, None, REPORT_BYTES if stage == "report" else SMALL_BYTES, "")


def _search(
    parameters: Mapping[str, Any], folder: Path
) -> tuple[Problem, Estimate, float | None, str]:
    """The search's problem and forecast, and seconds of one evaluation with how that is known."""
    from nas.searching.dry_run import forecast

    problem = search_problem(parameters)
    seen = forecast(problem, folder / "search", parameters["workers"])
    each = seen.evaluation.seconds
    hours = None if each is None or seen.in_process else seen.remaining * each / 3600
    source = f"an evaluation is {seen.evaluation.source}"
    return problem, Estimate(seen.seconds, hours, seen.bytes + seen.kept, source), each, source


def _trust(parsed: Mapping[str, Mapping[str, Any]], unit: Unit) -> Estimate:
    from nas.trust.alternatives import alternatives

    parameters = parsed["trust"]
    short = search_epochs(parsed["search"])
    trials = parsed["search"]["trials"] or 60
    long = parameters["epochs"] or 3 * short
    random_ones = trials if parameters["random"] is None else min(parameters["random"], trials)
    rivals = alternatives(
        unit.flops, resolution=unit.network.resolution, classes=unit.network.classes
    )
    chosen = min(2 * parameters["networks"], trials)
    networks = chosen + bool(random_ones) + sum(one.arch is not None for one in rivals)
    one = unit.training(1, whole=False)
    trainings = random_ones + networks * parameters["seeds"]
    seconds = None
    if one is not None:
        seconds = one * (random_ones * short + networks * parameters["seeds"] * long)
    size = TRAINING_BYTES * trainings + CHECKPOINT_BYTES * network_cost(unit.network).params
    return _worked(seconds, parameters["workers"], size, f"{trainings} trainings, by epochs")


def _training(parameters: Mapping[str, Any], unit: Unit, network: ArchSpec) -> Estimate:
    epochs = training_recipe(parameters).epochs
    cost = network_cost(network)
    seconds = unit.training(epochs, whole=True, ratio=cost.flops / unit.flops)
    source = f"{how_many(epochs, 'epoch')}, by images and FLOPs"
    return _worked(seconds, 1, (CHECKPOINT_BYTES + WEIGHT_BYTES) * cost.params, source)


def _fit(parameters: Mapping[str, Any], unit: Unit, images: DataSet) -> Estimate:
    from nas.fitting.config import FitConfig
    from nas.fitting.halving import planned_trainings
    from nas.fitting.run import prepare_points
    from nas.fitting.settings import fit_config

    known = {field.name for field in dataclasses.fields(FitConfig)} | _FIT_SETTINGS
    settings = {name: value for name, value in parameters.items() if name in known - {"data"}}
    share = share_of(settings["subset"], unit.searched_images)
    config = fit_config(unit.network, images.name, images, settings)
    size = CHECKPOINT_BYTES * network_cost(unit.network).params * config.ratio
    try:
        networks = len(prepare_points(config).networks)
    except NasError:
        # The found network may have enough where this one, of the same FLOPs, has too few.
        return Estimate(None, None, size, "the networks of the fit, known after the search")
    each = planned_trainings(networks, config.seeds)
    trainings = each * len(config.lengths)
    epochs = sum(config.epochs) * each
    one = unit.training(1, whole=False, ratio=config.ratio)
    seconds = None if one is None else one * share * epochs
    size += TRAINING_BYTES * trainings
    return _worked(seconds, parameters["workers"], size, f"about {trainings} trainings, by FLOPs")


def _member(plan: Plan, family: Mapping[str, Any], baseline: ArchSpec) -> ArchSpec:
    """The member that is trained; the baseline itself where this one has none such."""
    from nas.cli.run_family import expected_members

    try:
        members = expected_members(plan, family, baseline)
    except NasError:
        return baseline
    return next((one.arch for one in members if one.name == plan.member), baseline)


def _worked(seconds: float | None, workers: int, size: float, source: str) -> Estimate:
    """What several workers do together; `seconds` are of one."""
    if seconds is None:
        return Estimate(None, None, size, source)
    return Estimate(seconds / workers, seconds / 3600, size, source)
