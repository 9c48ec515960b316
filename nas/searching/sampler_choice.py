"""The sampler that a search asks: our own, told what the problem knows, or one of Optuna's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nas.arithmetic import Cost
from nas.evaluators.base import gives_scores
from nas.objective import Bound, WeightedProduct
from nas.searching.optuna_samplers import OURS, TrialSeededSampler
from nas.searching.problem import COST_METRICS, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from optuna.samplers import BaseSampler

    from nas.samplers import ArchitectureSampler

    Floats = NDArray[np.float64]

# The model of accuracy takes these two besides the choices; more costs of a network say little that
# they do not, and each widens what a small model must learn.
MODELLED_COSTS = ("flops", "params")


class SamplerSource(Protocol):
    """Has a sampler for each trial."""

    def for_trial(self, trial: int) -> BaseSampler:
        """The sampler to ask for trial number `trial`."""


class _Always:
    """One sampler for all trials: ours has no state that a resumed process would lack."""

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def for_trial(self, trial: int) -> BaseSampler:
        return self._sampler


def sampler_source(problem: Problem) -> SamplerSource:
    """Samplers for a problem, by the name in its configuration.

    Raises: ConfigError for an unknown name.
    """
    if problem.config.sampler == OURS:
        return _Always(architecture_sampler(problem))
    return TrialSeededSampler(problem.config.sampler, problem.config.seed)


def architecture_sampler(problem: Problem, extra: Sequence[Bound] = ()) -> ArchitectureSampler:
    """Our sampler with the problem's space, exact costs, reward and bounds, and `extra` ones.

    Two bounds on one figure hold both.
    """
    from nas.samplers import ArchitectureSampler

    config, names = problem.config, cost_names(problem)
    limits: dict[str, tuple[float, float]] = {}
    for bound in (*config.bounds, *extra):
        low, high = limits.get(bound.metric, (0.0, math.inf))
        if bound.side == "max":
            limits[bound.metric] = (low, min(high, bound.limit))
        else:
            limits[bound.metric] = (max(low, bound.limit), high)
    rewarded = problem.objectives == ("reward",) and not gives_scores(problem.evaluator)

    def costs(answers: Mapping[str, Any]) -> dict[str, float]:
        figures = problem.figures(problem.rebuild(answers))
        return {name: figures[name] for name in names}

    return ArchitectureSampler(
        seed=config.seed,
        space=problem.space.sample,
        cost=costs,
        **({"reward": vector_reward(problem)} if rewarded else {}),
        bounds=limits,
        objectives=None if problem.objectives == ("reward",) else problem.objectives,
        cheap=problem.evaluator.cheap,
    )


def cost_names(problem: Problem) -> list[str]:
    """The figures that the sampler must know of each network."""
    bounds = [bound.metric for bound in problem.config.bounds]
    traded = [name for name in problem.objectives if name not in ("reward", "accuracy")]
    # A plug-in's reward may look at any cost.
    known = [] if isinstance(problem.reward, WeightedProduct) else list(COST_METRICS)
    return sorted({*MODELLED_COSTS, *bounds, *traded, *known})


def vector_reward(problem: Problem) -> Any:
    """The problem's reward of many accuracies (n,) and costs by name (n,) at once."""
    reward = problem.reward
    if isinstance(reward, WeightedProduct):

        def product(accuracies: Floats, costs: Mapping[str, Floats]) -> Floats:
            ratio = costs["flops"] / reward.target_flops
            exponents = np.where(ratio <= 1, reward.below, reward.above)
            rewards: Floats = accuracies * ratio**exponents
            return rewards

        return product

    def one_by_one(accuracies: Floats, costs: Mapping[str, Floats]) -> Floats:
        columns = [np.broadcast_to(costs[name], accuracies.shape) for name in COST_METRICS]
        rows = zip(accuracies.ravel(), *(column.ravel() for column in columns), strict=True)
        values = [reward(float(a), Cost(*map(int, row))) for a, *row in rows]
        return np.array(values).reshape(accuracies.shape)

    return one_by_one
