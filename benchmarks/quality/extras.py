"""Checks beside the regret curves: real networks only, Pareto fronts, time per suggestion."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import optuna

from benchmarks.quality.problems import SearchProblem, hard
from benchmarks.quality.truths import COLUMNS, Floats, Truth, as_answers, as_params, load_table
from nas.samplers import ArchitectureSampler
from nas.samplers.history import Reader, signs

STARTUP = 8
"""Random networks before the model is asked, the sampler's own default."""


def pool(data: Path, problem: SearchProblem, seed: int, budget: int = 100) -> dict[str, Any]:
    """Search among the really trained networks only: their own labels, no surrogate anywhere.

    Each query takes the pool's network of highest merit. `to_best` counts queries until the best
    real hard reward at 400M; `top10` is how many of the ten best were met within the budget.
    """
    table = load_table(data)
    answers = table[COLUMNS].to_numpy(dtype=np.int64)
    params = [as_params(row) for row in answers.tolist()]
    costs = [problem.cost(p) for p in params]
    named = {name: np.array([c[name] for c in costs]) for name in costs[0]}
    label = table["top1"].to_numpy(dtype=float)
    rewards = hard(4e8)(label, named)
    order = np.argsort(-rewards)
    sampler = ArchitectureSampler(
        seed=seed, space=problem.ask, cost=problem.cost, reward=problem.reward
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trial = study.ask()
    problem.ask(trial)
    distributions = trial.distributions
    understood = sampler._problem([])
    assert understood is not None
    rows = np.array([understood.space.encode(p) for p in params])
    rng = np.random.default_rng(seed)
    queried = rng.choice(len(params), STARTUP, replace=False).tolist()
    trials: list[optuna.trial.FrozenTrial] = []
    reader = Reader(understood.space)
    while len(queried) < budget:
        for index in queried[len(trials) :]:
            frozen = optuna.trial.create_trial(
                params=params[index], distributions=distributions, value=float(label[index])
            )
            frozen.number = len(trials)
            trials.append(frozen)
        history = reader.read(trials, signs(study.directions))
        doubt = partial(sampler.doubt, len(trials), len(trials))
        figures = understood.aim(history, rng, doubt).merit(rows)
        figures[queried] = -np.inf
        queried.append(int(figures.argmax()))
    met = set(queried)
    return {
        "seed": seed,
        "to_best": queried.index(order[0]) + 1 if order[0] in met else None,
        "top10": sum(int(index) in met for index in order[:10]),
    }


def hypervolume(points: Floats, reference: Floats) -> float:
    """Area dominated by maximised points beyond a reference."""
    area, height = 0.0, float(reference[1])
    for first, second in points[np.argsort(-points[:, 0])].tolist():
        if first > reference[0] and second > height:
            area += (first - reference[0]) * (second - height)
            height = second
    return area


def pareto(
    truth: Truth, other: Truth | None, problem: SearchProblem, name: str, seed: int, budget: int
) -> dict[str, Any]:
    """Hypervolume of accuracy against FLOPs (exact) or, with `other`, against a second label.

    Reference: 50 points and 700M FLOPs, or 50 points and no images per second. Objectives are
    scaled to a unit of about their range; no strategy sees the reference.
    """

    def judge(params: dict[str, Any]) -> tuple[float, float]:
        answers = as_answers(params)
        accuracy = float(truth(answers)[0])
        if other is None:
            return accuracy, -problem.cost(params)["flops"] / 1e6
        return accuracy, float(other(answers)[0])

    objectives = ["accuracy", "flops"] if other is None else None
    ours = ArchitectureSampler(
        seed=seed, space=problem.ask, cost=problem.cost, objectives=objectives
    )
    samplers: dict[str, Any] = {
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed, population_size=20),
        "motpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "optuna-gp": lambda: optuna.samplers.GPSampler(seed=seed),
        "ours": lambda: ours,
    }
    study = optuna.create_study(
        directions=["maximize", "minimize" if other is None else "maximize"],
        sampler=samplers[name](),
    )
    points: list[tuple[float, float]] = []
    found: dict[str, float] = {}
    reference = np.array([50.0, -700.0 if other is None else 0.0])
    for _ in range(budget):
        trial = study.ask()
        problem.ask(trial)
        accuracy, second = judge(trial.params)
        study.tell(
            trial, [accuracy, problem.cost(trial.params)["flops"] if other is None else second]
        )
        points.append((accuracy, second))
        if len(points) in (50, 100, 200):
            unit = 20 * (600.0 if other is None else 100.0)
            found[str(len(points))] = round(hypervolume(np.array(points), reference) / unit, 4)
    return {"sampler": name, "seed": seed, "hypervolume": found}


def suggestion_ms(problem: SearchProblem, name: str, known: int, asked: int = 10) -> float:
    """Mean CPU milliseconds of a suggestion after `known` random evaluations, over `asked` of them.

    The first is left out where more are asked: it pays for what a running search has long paid.
    """
    samplers: dict[str, Any] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=0),
        "optuna-gp": lambda: optuna.samplers.GPSampler(seed=0),
        "ours": lambda: _ours(problem, False),
        "ours-cheap": lambda: _ours(problem, True),
    }
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))

    def judge(trial: optuna.Trial) -> float:
        problem.ask(trial)
        label = problem.label(trial.params)
        trial.set_user_attr("accuracy", label)
        return problem.value(trial.params, label)

    study.optimize(judge, n_trials=known - 1)
    study.sampler = samplers[name]()
    seconds = 0.0
    for index in range(asked + 1):
        trial = study.ask()
        began = process_time()
        problem.ask(trial)
        seconds += (process_time() - began) * (index > 0)
        label = problem.label(trial.params)
        trial.set_user_attr("accuracy", label)
        study.tell(trial, problem.value(trial.params, label))
    return 1e3 * seconds / asked


def _ours(problem: SearchProblem, cheap: bool) -> ArchitectureSampler:
    return ArchitectureSampler(
        seed=0, space=problem.ask, cost=problem.cost, reward=problem.reward, cheap=cheap
    )


__all__ = ["hypervolume", "pareto", "pool", "suggestion_ms"]
