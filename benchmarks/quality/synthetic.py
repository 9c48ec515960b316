"""A second space with another truth: conditional, with unordered answers and coupled costs.

Nothing of it comes from the table of trained networks. Stages choose depth, width and a block type
with no order; a stage with attention is asked for its heads. Costs couple neighbouring stages (the
widths of both), so they are no sum over stages. The label has diminishing returns in cost, an
individual optimum per stage and random interactions, drawn anew for each `world`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.quality.problems import Params, SearchProblem, hard

STAGES = 5
WIDTHS = (16, 24, 32, 48, 64)
BLOCKS = ("plain", "bottleneck", "separable")
WORK = {"plain": 9.0, "bottleneck": 4.0, "separable": 1.2}


def ask(suggest: Any) -> Params:
    """Answers of one network; `heads` only where there is attention."""
    params: Params = {"resolution": suggest.suggest_int("resolution", 96, 224, step=32)}
    for stage in range(STAGES):
        prefix = f"body{stage}"
        params[f"{prefix}.depth"] = suggest.suggest_int(f"{prefix}.depth", 1, 6)
        params[f"{prefix}.width"] = suggest.suggest_categorical(f"{prefix}.width", WIDTHS)
        params[f"{prefix}.block"] = suggest.suggest_categorical(f"{prefix}.block", BLOCKS)
        attention = suggest.suggest_categorical(f"{prefix}.attention", (False, True))
        params[f"{prefix}.attention"] = attention
        if attention:
            params[f"{prefix}.heads"] = suggest.suggest_categorical(f"{prefix}.heads", (1, 2, 4))
    return params


def cost(params: Mapping[str, Any]) -> dict[str, float]:
    """Multiply-adds and parameters by a plain rule; widths double from stage to stage."""
    flops = weights = 0.0
    before = 16.0
    for stage in range(STAGES):
        prefix = f"body{stage}"
        width = params[f"{prefix}.width"] * 2.0 ** (stage / 2)
        area = (params["resolution"] / 2 ** (stage + 1)) ** 2
        work = WORK[params[f"{prefix}.block"]]
        own = work * (before * width + (params[f"{prefix}.depth"] - 1) * width * width)
        if params[f"{prefix}.attention"]:
            own += width * width * (1 + params[f"{prefix}.heads"] / 4)
        flops += own * area
        weights += own
        before = width
    return {"flops": flops, "params": weights}


class World:
    """A label drawn from a seed; about 60 to 75 points, as smooth and as rugged as real ones."""

    def __init__(self, world: int) -> None:
        rng = np.random.default_rng(world)
        self._ideal = rng.uniform(0.2, 0.9, (STAGES, 2))
        self._block = rng.normal(0, 0.6, (STAGES, len(BLOCKS)))
        self._attention = rng.normal(0.3, 0.4, STAGES)
        self._heads = rng.normal(0, 0.2, (STAGES, 3))
        self._pairs = rng.normal(0, 0.6, (STAGES * 2, STAGES * 2))

    def __call__(self, params: Params) -> float:
        costs = cost(params)
        label = 75 - 12 * math.exp(-math.log(costs["flops"] / 1e7) / 3)
        label += 0.8 * math.log(costs["params"] / 1e5)
        shapes = []
        for stage in range(STAGES):
            prefix = f"body{stage}"
            depth = (params[f"{prefix}.depth"] - 1) / 5
            width = WIDTHS.index(params[f"{prefix}.width"]) / 4
            shapes += [depth - self._ideal[stage, 0], width - self._ideal[stage, 1]]
            label += float(self._block[stage, BLOCKS.index(params[f"{prefix}.block"])])
            if params[f"{prefix}.attention"]:
                label += float(self._attention[stage])
                label += float(self._heads[stage, (1, 2, 4).index(params[f"{prefix}.heads"])])
        shape = np.array(shapes)
        return float(label - 2 * (shape**2).sum() + shape @ self._pairs @ shape)


def synthetic_problem(name: str) -> SearchProblem:
    """A problem by name: synthetic-hard-WORLD, target 100M."""
    world = World(int(name.split("-")[2]))
    target = 1e8
    problem = SearchProblem(name, ask, world, cost, hard(target), target, math.nan, math.nan)
    best = max(_climbed(problem, start) for start in range(40))
    return SearchProblem(**{**problem.__dict__, "optimum": best, "reference": best - 1.0})


def _climbed(problem: SearchProblem, start: int) -> float:
    """The top of a hill, by random changes of one to three answers until 6,000 in a row fail."""
    from nas.suggest import FixedSuggest, RandomSuggest

    rng = random.Random(start)
    source = RandomSuggest(rng)
    problem.ask(source)
    params = dict(source.params)
    height, failed = problem.value(params, problem.label(params)), 0
    while failed < 6000:
        kept = dict(params)
        for name in rng.sample(sorted(kept), rng.randint(1, 3)):
            del kept[name]
        fixed = FixedSuggest(kept, otherwise=rng)
        problem.ask(fixed)
        value = problem.value(fixed.params, problem.label(fixed.params))
        failed += 1
        if value > height + 1e-9:
            params, height, failed = dict(fixed.params), value, 0
    return height
