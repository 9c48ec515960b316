"""What a search is about: networks at their settings, judged, bounded and rewarded.

Built from a `SearchConfig`; everything that can be wrong with one is found here, before the run
folder exists.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nas.archs import resized
from nas.arithmetic import Cost
from nas.cost import network_cost
from nas.errors import ConfigError, EvaluationError
from nas.evaluators.base import (
    Accuracy,
    ChecksSettings,
    EvaluationContext,
    Evaluator,
    PredictsDevices,
    Score,
    gives_scores,
    option_names,
)
from nas.objective import (
    Bound,
    Direction,
    Reward,
    WeightedProduct,
    direction,
    hard_reward,
    paper_reward,
)
from nas.plugins import load_evaluator, load_reward, load_space
from nas.registry import did_you_mean
from nas.searching.config import SearchConfig
from nas.searching.device_tables import load_tables
from nas.searching.first_filter import FilterSettings, FirstFilter
from nas.space import HasReference, SearchSpace, at_resolution, rebuild
from nas.space_statistics import flops_range
from nas.spec import ArchSpec
from nas.suggest import Suggest
from nas.units import format_count, suggest_unit

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.latency.table import LatencyTable

COST_METRICS = tuple(field.name for field in dataclasses.fields(Cost))


@dataclass(frozen=True)
class SizedSpace:
    """A space at the resolution, classes and input channels of a configuration."""

    space: SearchSpace
    resolution: int | None = None
    classes: int | None = None
    in_channels: int | None = None

    @property
    def name(self) -> str:
        return self.space.name

    def sample(self, suggest: Suggest) -> ArchSpec:
        """The space's own sample, resized."""
        return self._resized(self.space.sample(suggest))

    def reference(self) -> ArchSpec | None:
        """The space's reference network, resized; None where it has none."""
        if not isinstance(self.space, HasReference):
            return None
        return self._resized(self.space.reference())

    def _resized(self, arch: ArchSpec) -> ArchSpec:
        return resized(
            arch,
            resolution=self.resolution,
            classes=self.classes,
            in_channels=self.in_channels,
        )


@dataclass(frozen=True)
class Problem:
    """A checked configuration with everything that it names loaded."""

    config: SearchConfig
    space: SizedSpace
    evaluator: Evaluator
    reward: Reward
    objectives: tuple[str, ...]
    data: DataSet | None = None
    first_filter: FirstFilter | None = None
    tables: Mapping[str, LatencyTable] = field(default_factory=dict)

    def worker_options(self, workers: int) -> dict[str, Any]:
        """The evaluator's options; with images, also what they must be where it works, and how many
        workers there are.
        """
        options: dict[str, Any] = dict(self.config.options)
        if self.data is not None:
            options |= {"fingerprint": self.data.fingerprint, "workers": workers}
        return options

    @property
    def directions(self) -> list[Direction]:
        """Optuna's direction of each objective."""
        return [direction(objective) for objective in self.objectives]

    def rebuild(self, params: Mapping[str, Any]) -> ArchSpec:
        """The network of recorded parameters."""
        return rebuild(self.space, params)

    def figures(self, arch: ArchSpec) -> dict[str, float]:
        """Exact costs, and the device figures that a bound or an objective asks for."""
        cost = network_cost(arch)
        figures: dict[str, float] = {name: getattr(cost, name) for name in COST_METRICS}
        for metric in self._device_metrics():
            if metric in self.tables:
                figures[metric] = self.tables[metric].predict(arch).latency_ms
                continue
            assert isinstance(self.evaluator, PredictsDevices)
            figures[metric] = self.evaluator.device_figure(metric, arch)
        return figures

    def violations(self, figures: Mapping[str, float]) -> dict[str, float]:
        """Bound -> how far beyond it, relative to the limit; zero or less where it is met."""
        return {bound.describe(): _finite(bound.violation(figures)) for bound in self.config.bounds}

    def meets_bounds(self, arch: ArchSpec) -> bool:
        """Whether a network is within every bound."""
        return all(v <= 0 for v in self.violations(self.figures(arch)).values())

    def values(
        self, judgement: Accuracy | Score, cost: Cost, figures: Mapping[str, float]
    ) -> list[float]:
        """The objective values of a judged network."""
        return [self._value(name, judgement, cost, figures) for name in self.objectives]

    def _value(
        self, objective: str, judgement: Accuracy | Score, cost: Cost, figures: Mapping[str, float]
    ) -> float:
        if objective == "reward":
            # A score is no accuracy, so the product has no meaning: the score itself is searched,
            # and T is a bound (see `_bound_scores`).
            if isinstance(judgement, Score):
                return judgement.value
            return self.reward(judgement.value, cost)
        if objective == "accuracy":
            return judgement.value
        return float(figures[objective])

    def _device_metrics(self) -> list[str]:
        asked = [bound.metric for bound in self.config.bounds] + list(self.objectives)
        return sorted({metric for metric in asked if ":" in metric})


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 1e9


def load_problem(config: SearchConfig) -> Problem:
    """Load what a configuration names and check that it makes sense.

    Raises: NasError, in one line, for whatever does not.
    """
    space = SizedSpace(
        at_resolution(load_space(config.space), config.resolution),
        config.resolution,
        config.classes,
        config.in_channels,
    )
    evaluator: Evaluator = load_evaluator(config.evaluator)()
    check_options(evaluator, config.options)
    context = EvaluationContext(space, config.seed, options=config.options)
    # Now, not when the search starts: what they refuse should leave no run folder behind.
    if isinstance(evaluator, ChecksSettings):
        evaluator.check(context)
    if evaluator.cheap:
        if config.pruner != "none":
            raise ConfigError(
                f"--pruner {config.pruner} stops trainings; '{evaluator.name}' does not train"
            )
        evaluator.prepare(context)
    check_target(space, config.target_flops)
    objectives = config.objectives or ("reward",)
    problem = Problem(
        _bound_scores(config, evaluator, objectives),
        space,
        evaluator,
        _load_reward(config),
        objectives,
        _open_data(config),
        tables=load_tables(_metrics(config), space, config.seed),
    )
    _check_objectives(problem)
    return dataclasses.replace(problem, first_filter=_first_filter(problem))


def _first_filter(problem: Problem) -> FirstFilter | None:
    config = problem.config
    if config.first_filter is None:
        return None
    settings = FilterSettings.parse(config.first_filter)
    if problem.evaluator.cheap:
        raise ConfigError(
            f"--filter saves trainings; '{problem.evaluator.name}' does not train; leave it out"
        )
    return FirstFilter(settings, problem.space, problem.meets_bounds, config.seed)


def check_options(evaluator: Evaluator, options: Mapping[str, Any]) -> None:
    """Refuse an option that the evaluator does not declare, before it is quietly ignored.

    Raises: ConfigError naming it.
    """
    known = option_names(evaluator)
    for name in options:
        if name in known:
            continue
        said = f"--{name.replace('_', '-')}"
        if name == "data":
            hint = "leave --data out, or use --evaluator train"
        elif not known:
            hint = "it has no options"
        else:
            hint = did_you_mean(name, known)
        raise ConfigError(f"evaluator '{evaluator.name}' takes no {said}; {hint}")


def _open_data(config: SearchConfig) -> DataSet | None:
    if config.images is None:
        return None
    from nas.data.opening import open_data

    return open_data(config.images)


def _bound_scores(
    config: SearchConfig, evaluator: Evaluator, objectives: tuple[str, ...]
) -> SearchConfig:
    """Where an evaluator gives scores, the target can only be a bound."""
    if not gives_scores(evaluator) or "reward" not in objectives:
        return config
    ceiling = Bound("flops", float(config.target_flops))
    return dataclasses.replace(config, bounds=(*config.bounds, ceiling))


def check_target(space: SizedSpace, target_flops: int) -> None:
    """Refuse a target that no network, or every network, of the space meets.

    Raises: ConfigError with the reading that was probably meant.
    """
    smallest, largest = flops_range(space)
    if smallest <= target_flops <= largest:
        return
    side, bound = ("below", "smallest") if target_flops < smallest else ("above", "largest")
    guess = suggest_unit(target_flops, smallest, largest)
    edge = smallest if bound == "smallest" else largest
    hint = (
        f"did you mean {guess}?" if guess else f"choose a target from {_range(smallest, largest)}"
    )
    raise ConfigError(
        f"target FLOPs {format_count(target_flops)} is {side} the {bound} network in "
        f"'{space.name}' ({format_count(edge)}); {hint}"
    )


def _range(smallest: int, largest: int) -> str:
    return f"{format_count(smallest)} to {format_count(largest)}"


def _load_reward(config: SearchConfig) -> Reward:
    if config.exponents is not None:
        return WeightedProduct("w", config.target_flops, *config.exponents)
    if config.reward == "hard":
        return hard_reward(config.target_flops)
    if config.reward == "paper":
        return paper_reward(config.target_flops)
    reward: Reward = load_reward(config.reward)(target_flops=config.target_flops)
    return reward


def _check_objectives(problem: Problem) -> None:
    """Every metric that is asked for must be one that somebody can tell."""
    devices: dict[str, str] = {}
    if any(":" in metric and metric not in problem.tables for metric in _asked(problem)):
        if not isinstance(problem.evaluator, PredictsDevices):
            raise EvaluationError(
                f"evaluator '{problem.evaluator.name}' predicts no devices; "
                "drop the latency and throughput settings, use --evaluator imagenet, or name the "
                "file of a latency table"
            )
        devices = problem.evaluator.device_metrics()
    known = ["accuracy", *COST_METRICS, *devices, *problem.tables]
    for metric in _asked(problem):
        if metric == "reward" or metric in known:
            continue
        kind, separator, device = metric.partition(":")
        others = [name for name in devices if name.endswith(f":{device}")]
        if separator and others:
            raise ConfigError(
                f"device '{device}' has no {kind} figure, only {others[0].replace(':', ' of ')}; "
                f"use {_option(others[0])}"
            )
        if separator:
            names = sorted({name.partition(":")[2] for name in devices})
            raise ConfigError(f"unknown device '{device}'; {did_you_mean(device, names)}")
        raise ConfigError(f"unknown objective '{metric}'; {did_you_mean(metric, known)}")
    if len(set(problem.objectives)) != len(problem.objectives):
        raise ConfigError("--objectives names a figure twice; name each once")


def _asked(problem: Problem) -> list[str]:
    return [bound.metric for bound in problem.config.bounds] + list(problem.objectives)


def _metrics(config: SearchConfig) -> list[str]:
    return [bound.metric for bound in config.bounds] + list(config.objectives)


def _option(metric: str) -> str:
    kind, _, device = metric.partition(":")
    if kind == "latency":
        return f"--max-latency {device}=MS"
    return f"--min-throughput {device}=IMAGES_PER_SECOND"
