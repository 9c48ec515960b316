"""The samplers compared, each as a loop: ask, get a (noisy) label, and say what one would choose.

Every strategy gets the same label for the same seed, count and network, never sees the truth, and
pays only for labels; costs are free to all. Settings are those that did best in an earlier
comparison of the same samplers, or the library's defaults.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.quality.problems import Params, SearchProblem
from nas.suggest import FixedSuggest, RandomSuggest


class SpentError(Exception):
    """The budget is used up."""


@dataclass
class Meter:
    """Hands out labels and notes what they cost.

    Attributes:
        chosen: index of the evaluation that a user would be given after each count.
    """

    problem: SearchProblem
    seed: int
    noise: float
    budget: int
    networks: list[Params] = field(default_factory=list)
    true_rewards: list[float] = field(default_factory=list)
    read_rewards: list[float] = field(default_factory=list)
    chosen: dict[int, int] = field(default_factory=dict)
    started: float = field(default_factory=perf_counter)
    judging: float = 0.0

    def read(self, params: Params) -> tuple[float, float]:
        """A network's label and reward as read once."""
        if len(self.networks) >= self.budget:
            raise SpentError
        began = perf_counter()
        true = self.problem.label(params)
        rng = np.random.default_rng([self.seed, len(self.networks)])
        label = true + self.noise * float(rng.standard_normal())
        self.networks.append(dict(params))
        self.true_rewards.append(self.problem.value(params, true))
        self.read_rewards.append(self.problem.value(params, label))
        self.judging += perf_counter() - began
        return label, self.read_rewards[-1]


Strategy = Callable[[Meter], None]


def _drawn(problem: SearchProblem, rng: random.Random) -> Params:
    source = RandomSuggest(rng)
    problem.ask(source)
    return dict(source.params)


def _changed(problem: SearchProblem, params: Params, count: int, rng: random.Random) -> Params:
    kept = dict(params)
    for name in rng.sample(sorted(kept), count):
        del kept[name]
    fixed = FixedSuggest(kept, otherwise=rng)
    problem.ask(fixed)
    return dict(fixed.params)


def random_search(meter: Meter) -> None:
    rng = random.Random(meter.seed)
    while True:
        meter.read(_drawn(meter.problem, rng))


def regularised_evolution(meter: Meter) -> None:
    """Real et al. 2019, population 20, tournament 8.

    Children that repeat a network or lie outside 80-100 % of the target are refused for free.
    """
    rng = random.Random(meter.seed)
    problem = meter.problem
    seen: set[str] = set()

    def wanted(params: Params) -> bool:
        flops = problem.cost(params)["flops"]
        inside = np.isinf(problem.target) or 0.8 * problem.target <= flops <= problem.target
        return repr(params) not in seen and bool(inside)

    population: list[tuple[float, Params]] = []
    while True:
        # Some parents have no such child; another parent is tried, and at last any child taken.
        for _ in range(500):
            if len(population) < 20:
                child = _drawn(problem, rng)
            else:
                parent = max(rng.sample(population, 8), key=lambda member: member[0])[1]
                child = _changed(problem, parent, rng.choice((1, 1, 2)), rng)
            if wanted(child):
                break
        seen.add(repr(child))
        population.append((meter.read(child)[1], child))
        population = population[-20:]


def local_search(meter: Meter) -> None:
    """All single changes in random order, the first better one is taken; restarts at the top."""
    rng = random.Random(meter.seed)
    while True:
        params = _drawn(meter.problem, rng)
        height, failed, seen = meter.read(params)[1], 0, {repr(params)}
        while failed < 200:
            other = _changed(meter.problem, params, 1, rng)
            failed += 1
            if repr(other) in seen:
                continue
            seen.add(repr(other))
            value = meter.read(other)[1]
            if value > height:
                params, height, failed = other, value, 0


def ours(meter: Meter, flight: int = 1, cheap: bool = False) -> None:
    """`ArchitectureSampler`; the reported choice is its `recommend`."""
    import optuna

    from nas.samplers import ArchitectureSampler

    problem = meter.problem
    sampler = ArchitectureSampler(
        seed=meter.seed, space=problem.ask, cost=problem.cost, reward=problem.reward, cheap=cheap
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while True:
        trials = [study.ask() for _ in range(flight)]
        for trial in trials:
            problem.ask(trial)
        for trial in trials:
            label, reward = meter.read(trial.params)
            trial.set_user_attr("accuracy", label)
            study.tell(trial, reward)
            count = len(meter.networks)
            if count in CHECKPOINTS:
                began = perf_counter()
                meter.chosen[count] = sampler.recommend(study.trials).number
                meter.judging += perf_counter() - began


CHECKPOINTS = (10, 25, 50, 75, 100, 150, 200, 300, 500, 1000)


def _optuna(meter: Meter, sampler: Any, mode: str = "reward") -> None:
    """An Optuna sampler on the reward; or on the label with FLOPs as a constraint or objective;
    or on the reward with over-target networks refused before they are paid for.
    """
    import optuna

    problem = meter.problem
    if mode == "pareto":
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    else:
        study = optuna.create_study(direction="maximize", sampler=sampler)
    while True:
        trial = study.ask()
        problem.ask(trial)
        flops = problem.cost(trial.params)["flops"]
        if mode == "refuse" and flops > problem.target:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        label, reward = meter.read(trial.params)
        if mode == "pareto":
            study.tell(trial, [label, flops])
        elif mode == "constraint":
            trial.set_constraint("flops", flops / problem.target - 1.0)
            study.tell(trial, label)
        else:
            study.tell(trial, reward)


class _AsNumbers:
    """Asks for the index of each ordered choice: CMA-ES does not work on categories."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial
        self.params: Params = {}

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        index = self._trial.suggest_int(name, 0, len(choices) - 1)
        self.params[name] = choices[index]
        return choices[index]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        self.params[name] = self._trial.suggest_int(name, low, high, step=step)
        return int(self.params[name])


def cma_es(meter: Meter) -> None:
    import optuna

    sampler = optuna.samplers.CmaEsSampler(seed=meter.seed, with_margin=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while True:
        trial = study.ask()
        asked = _AsNumbers(trial)
        meter.problem.ask(asked)
        study.tell(trial, meter.read(asked.params)[1])


def _gp(meter: Meter) -> None:
    from optuna.samplers import GPSampler

    noiseless = meter.noise == 0
    sampler = GPSampler(seed=meter.seed, deterministic_objective=noiseless)
    # Where the reward has no target to constrain, the sampler sees the reward itself.
    _optuna(meter, sampler, "constraint" if np.isfinite(meter.problem.target) else "reward")


def _tpe(meter: Meter, mode: str = "reward") -> None:
    from optuna.samplers import TPESampler

    _optuna(meter, TPESampler(seed=meter.seed), mode)


def _nsga2(meter: Meter) -> None:
    from optuna.samplers import NSGAIISampler

    _optuna(meter, NSGAIISampler(seed=meter.seed), "pareto")


STRATEGIES: dict[str, Strategy] = {
    "random": random_search,
    "nsga2": _nsga2,
    "cmaes": cma_es,
    "tpe": _tpe,
    "tpe-refuse": lambda meter: _tpe(meter, "refuse"),
    "evolution": regularised_evolution,
    "local-search": local_search,
    "optuna-gp": _gp,
    "ours": ours,
    "ours-cheap": lambda meter: ours(meter, cheap=True),
    "ours-8": lambda meter: ours(meter, flight=8),
    "ours-32": lambda meter: ours(meter, flight=32),
}


def run(strategy: str, problem: SearchProblem, seed: int, budget: int, noise: float) -> Meter:
    """One search; the choice after each count is what the strategy would report."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    meter = Meter(problem, seed, noise, budget)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(SpentError):
            STRATEGIES[strategy](meter)
    for count in CHECKPOINTS:
        if count <= budget:
            # All but ours report the best reading.
            meter.chosen.setdefault(count, int(np.argmax(meter.read_rewards[:count])))
    return meter
