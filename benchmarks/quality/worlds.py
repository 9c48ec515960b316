"""Made-up truths on the built-in spaces `mnasnet` and `resnet`, with the networks' real costs.

Nothing of them comes from trained networks, and they are of no sampler's family: to diminishing
returns in FLOPs and parameters, a world adds a table of effects for every question, a table for the
answers of every pair of questions out of a random set (of one stage or of two), and a term that
makes a network as good as its weakest stage. All is drawn anew for each world.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.problems import FORMS, Params, SearchProblem
from nas.cost import network_cost
from nas.search_spaces.mnasnet import MnasNetSpace
from nas.search_spaces.resnet_space import ResNetSpace
from nas.space import rebuild
from nas.suggest import FixedSuggest, RandomSuggest

SPACES: dict[str, Any] = {"mnasnet": MnasNetSpace(), "resnet": ResNetSpace()}
PAIRS_PER_QUESTION = 2
PROBES = 200
STARTS = 20
KICKS = 60
"""Climbs from random networks, then climbs from the best top with a few answers drawn anew."""
KICKED_ANSWERS = 5


class World:
    """A label in points for the networks of a space, drawn from a seed."""

    def __init__(self, space: Any, world: int) -> None:
        rng, source = np.random.default_rng(world), random.Random(world)
        self._space = space
        self._choices: dict[str, tuple[Any, ...]] = {}
        flops = []
        for _ in range(PROBES):
            drawn = RandomSuggest(source)
            flops.append(network_cost(space.sample(drawn)).flops)
            self._choices |= drawn.choices
        self._usual_flops = float(np.median(flops))
        names = list(self._choices)
        self._effects = {
            name: rng.normal(0, 0.5, len(self._choices[name])) * (len(self._choices[name]) > 1)
            for name in names
        }
        self._pairs: dict[tuple[str, str], Any] = {}
        for _ in range(PAIRS_PER_QUESTION * len(names)):
            one, other = (names[i] for i in rng.choice(len(names), 2, replace=False))
            shape = len(self._choices[one]), len(self._choices[other])
            self._pairs[one, other] = rng.normal(0, 0.25, shape)

    def __call__(self, params: Params) -> float:
        cost = network_cost(rebuild(self._space, params))
        label = 75 - 6 * (cost.flops / self._usual_flops) ** (-1 / 3)
        label += 0.5 * math.log(cost.params / 1e6)
        at = {name: self._choices[name].index(value) for name, value in params.items()}
        stages: dict[str, float] = {}
        for name, index in at.items():
            effect = float(self._effects[name][index])
            label += effect
            part = name.rpartition(".")[0]
            stages[part] = stages.get(part, 0.0) + effect
        for (one, other), table in self._pairs.items():
            if one in at and other in at:
                label += float(table[at[one], at[other]])
        return float(label + min(stages.values()))


def world_problem(name: str, cache: Path) -> SearchProblem:
    """A problem by name: SPACE-FORM-MILLIONS-WORLD, for example "mnasnet-hard-300-0".

    Its reference is one point below the optimum, which is the best of several climbs.
    """
    kind, form, millions, world = name.split("-")
    space, target = SPACES[kind], float(millions) * 1e6

    def cost(params: Mapping[str, Any]) -> dict[str, float]:
        found = network_cost(rebuild(space, params))
        return {"flops": float(found.flops), "params": float(found.params)}

    label, reward = World(space, int(world)), FORMS[form](target)
    problem = SearchProblem(name, space.sample, label, cost, reward, target, math.nan, math.nan)
    known = cache / f"optimum-{name}.json"
    if not known.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        known.write_text(json.dumps({"reward": _optimum(problem)}), "utf-8")
    best = float(json.loads(known.read_text("utf-8"))["reward"])
    return SearchProblem(**{**problem.__dict__, "optimum": best, "reference": best - 1.0})


Top = tuple[float, Params]


def _optimum(problem: SearchProblem) -> float:
    """The best reward there is, as far as climbs from many places tell."""
    rng = random.Random(0)
    best: Top = (-math.inf, {})
    for climb in range(STARTS + KICKS):
        kept = dict(best[1]) if climb >= STARTS else {}
        for name in rng.sample(sorted(kept), min(KICKED_ANSWERS, len(kept))):
            del kept[name]
        best = max(best, _climbed(problem, kept, rng), key=lambda top: top[0])
    return best[0]


def _climbed(problem: SearchProblem, kept: Params, rng: random.Random) -> Top:
    """From a network with the answers `kept`: the first single change that helps, where none does
    the first double one, until none is left.
    """
    begun = FixedSuggest(kept, otherwise=rng)
    problem.ask(begun)
    params, choices = dict(begun.params), dict(begun.choices)
    height = problem.value(params, problem.label(params))
    while better := _first_better(problem, params, choices, height, rng):
        params, choices, height = better
    return height, params


def _first_better(
    problem: SearchProblem,
    params: Params,
    choices: Mapping[str, tuple[Any, ...]],
    height: float,
    rng: random.Random,
) -> tuple[Params, dict[str, tuple[Any, ...]], float] | None:
    single = [(n, v) for n, values in choices.items() for v in values if v != params[n]]
    rng.shuffle(single)
    changes = [dict([one]) for one in single]
    double = [dict([one, other]) for i, one in enumerate(single) for other in single[i + 1 :]]
    rng.shuffle(double)
    for change in [*changes, *(both for both in double if len(both) == 2)]:
        # An answer that brings new questions into play has them answered at random.
        fixed = FixedSuggest({**params, **change}, otherwise=rng)
        problem.ask(fixed)
        value = problem.value(fixed.params, problem.label(fixed.params))
        if value > height + 1e-9:
            return dict(fixed.params), dict(fixed.choices), value
    return None
