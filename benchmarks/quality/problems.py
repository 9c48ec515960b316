"""Search problems with a known optimum: a truth, exact costs, a reward."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.truths import (
    B0,
    CHOICES,
    Answers,
    Floats,
    Truth,
    as_answers,
    as_params,
    fit_truth,
)
from nas.cost import network_cost
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import rebuild

Params = dict[str, Any]
Reward = Callable[[Floats, Mapping[str, Floats]], Floats]


@dataclass(frozen=True)
class SearchProblem:
    """Everything a strategy may use, and the figures it is judged by.

    Attributes:
        label: params -> the dear reading, without noise, in points.
        reward: increasing in the label.
        target: the cost at which `reward` changes its rule, for strategies that refuse or
            constrain; +inf where there is none.
        optimum: the best reward there is, as far as exhaustive local search tells.
        reference: B0's reward.
    """

    name: str
    ask: Callable[[Any], object]
    label: Callable[[Params], float]
    cost: Callable[[Mapping[str, Any]], dict[str, float]]
    reward: Reward
    target: float
    optimum: float
    reference: float

    def value(self, params: Params, label: float) -> float:
        """The reward of one network."""
        costs = {name: np.array([value]) for name, value in self.cost(params).items()}
        return float(self.reward(np.array([label]), costs)[0])


def hard(target: float) -> Reward:
    """Full up to the target, falling as 1 / FLOPs beyond."""
    return lambda label, costs: label * np.minimum(1.0, target / costs["flops"])


def paper(target: float) -> Reward:
    """The soft form, w = -0.07 on both sides."""
    return lambda label, costs: label * (costs["flops"] / target) ** -0.07


def at_least(target: float) -> Reward:
    """Full from the target on, falling with FLOPs below: for a label that FLOPs make worse."""
    return lambda label, costs: label * np.minimum(1.0, costs["flops"] / target)


FORMS: dict[str, Callable[[float], Reward]] = {"hard": hard, "soft": paper, "atleast": at_least}


def table_problem(name: str, data: Path, cache: Path) -> SearchProblem:
    """A problem by name: truth-form-target, for example "trees-hard-400"."""
    truth_name, form, millions = name.split("-")
    truth = fit_truth(truth_name, data, cache)
    target = float(millions) * 1e6
    reward = FORMS[form](target)
    space = MBConvSpace()

    def cost(params: Mapping[str, Any]) -> dict[str, float]:
        found = network_cost(rebuild(space, params))
        return {"flops": float(found.flops), "params": float(found.params)}

    known = cache / f"optimum-{name}.json"
    if not known.is_file():
        best = optimum(truth, reward, CostTable(cost))
        known.write_text(json.dumps({"reward": best[0], "answers": best[1]}), "utf-8")
    label = float(truth(np.array([B0]))[0])
    problem = SearchProblem(
        name,
        space.sample,
        lambda params: float(truth(as_answers(params))[0]),
        cost,
        reward,
        target if form == "hard" else math.inf,
        float(json.loads(known.read_text("utf-8"))["reward"]),
        math.nan,
    )
    reference = problem.value(as_params(B0), label)
    return SearchProblem(**{**problem.__dict__, "reference": reference})


class CostTable:
    """FLOPs and parameters of many answers at once: sums over stages of B0's skeleton."""

    def __init__(self, cost: Callable[[Mapping[str, Any]], dict[str, float]]) -> None:
        smallest = [choices[0] for choices in CHOICES]
        base = cost(as_params(smallest))
        self._base = np.array([base["flops"], base["params"]])
        self._table = np.zeros((7, 7, 6, 5, 2, 2))
        for stage in range(7):
            columns = [stage, 7 + stage, 14 + stage, 21 + stage]
            for index in np.ndindex(*(len(CHOICES[column]) for column in columns)):
                answers = list(smallest)
                picked = [CHOICES[column][i] for column, i in zip(columns, index, strict=True)]
                for column, value in zip(columns, picked, strict=True):
                    answers[column] = value
                found = cost(as_params(answers))
                value_pair = np.array([found["flops"], found["params"]]) - self._base
                self._table[(stage, *picked)] = value_pair

    def __call__(self, answers: Answers) -> dict[str, Floats]:
        total = np.tile(self._base, (len(answers), 1))
        for stage in range(7):
            expand, kernel, layers, se = (answers[:, k + stage] for k in (0, 7, 14, 21))
            total += self._table[stage, expand, kernel, layers, se]
        return {"flops": total[:, 0], "params": total[:, 1]}


def optimum(
    truth: Truth, reward: Reward, costs: CostTable, starts: int = 12
) -> tuple[float, list[int]]:
    """The best network of a truth: from each start, all single and double changes until none helps.

    Of twelve starts several end at the same best network on each problem used here.
    """
    best: tuple[float, list[int]] = (-math.inf, [])
    for start in range(starts):
        rng = np.random.default_rng(start)
        drawn = np.stack([rng.choice(choices, 300) for choices in CHOICES], axis=1)
        figures = reward(truth(drawn), costs(drawn))
        row, height = drawn[figures.argmax()], float(figures.max())
        while True:
            for changes in (1, 2):
                around = _changed(row, changes)
                figures = reward(truth(around), costs(around))
                if figures.max() > height + 1e-9:
                    row, height = around[figures.argmax()], float(figures.max())
                    break
            else:
                break
        best = max(best, (height, [int(answer) for answer in row]))
    return best


def _changed(row: Answers, changes: int) -> Answers:
    single = [(c, v) for c, choices in enumerate(CHOICES) for v in choices if v != row[c]]
    rows = []
    for index, (column, value) in enumerate(single):
        changed = row.copy()
        changed[column] = value
        if changes == 1:
            rows.append(changed)
            continue
        for other, second in single[index + 1 :]:
            if other != column:
                twice = changed.copy()
                twice[other] = second
                rows.append(twice)
    return np.array(rows)
