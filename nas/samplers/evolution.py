"""Finding the candidate with the highest figure of merit among 10^11 that cannot be listed.

Evolution from good known networks and random ones, then climbing by single and double changes: the
reward under a FLOPs target has many local optima, between which one must trade FLOPs of one stage
for those of another, two changes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.samplers.candidates import CandidateSpace
from nas.samplers.parameter import INACTIVE, Codes, Floats

Merit = Callable[[Codes], Floats]
"""Rows of codes -> a figure each, larger is better; -inf for what must not be proposed."""


@dataclass(frozen=True)
class Effort:
    """How long to look. The defaults take about ten milliseconds with a hundred readings."""

    random: int = 100
    children_of_parent: int = 10
    generations: int = 6
    offspring: int = 150
    survivors: int = 40
    climbers: int = 3
    double_changes: int = 60
    most_steps: int = 25


QUICK = Effort(
    random=40, children_of_parent=5, generations=2, offspring=80, climbers=1, double_changes=30
)
"""For evaluators that declare themselves cheap: a tenth of the time for a few more evaluations."""


def best_candidates(
    merit: Merit,
    space: CandidateSpace,
    parents: Codes,
    effort: Effort,
    rng: np.random.Generator,
) -> Codes:
    """Promising networks, the best first; `parents` are good known ones, perhaps none."""
    children = mutate(np.repeat(parents, effort.children_of_parent, axis=0), space, 2.0, rng)
    population = np.vstack([children, space.draw(rng, effort.random)])
    value = merit(population)
    for _ in range(effort.generations):
        population, value = _ranked(population, value, effort.survivors)
        if len(population) == 0:
            break
        one = population[rng.integers(0, len(population), effort.offspring)]
        other = population[rng.integers(0, len(population), effort.offspring)]
        crossed = (rng.random(one.shape) < 0.5) & (rng.random((len(one), 1)) < 0.5)
        offspring = mutate(np.where(crossed, other, one), space, 1.5, rng)
        population = np.vstack([population, offspring])
        value = np.concatenate([value, merit(offspring)])
    population, value = _ranked(population, value, len(population))
    seen, figures = [population], [value]
    for start in range(min(effort.climbers, len(population))):
        row, height = population[start], value[start]
        for _ in range(effort.most_steps):
            around = neighbours(row, space, effort.double_changes, rng)
            figure = merit(around)
            seen.append(around)
            figures.append(figure)
            if len(figure) == 0 or figure.max() <= height:
                break
            row, height = around[figure.argmax()], figure.max()
    everything, _ = _ranked(np.vstack(seen), np.concatenate(figures), len(population) + 1000)
    return everything


def mutate(codes: Codes, space: CandidateSpace, rate: float, rng: np.random.Generator) -> Codes:
    """Copies with about `rate` answers changed, at least one."""
    rows, columns = codes.shape
    free = np.flatnonzero(space.sizes > 1)
    if rows == 0 or len(free) == 0:
        return codes
    changed = rng.random((rows, columns)) < rate / len(free)
    changed[np.arange(rows), free[rng.integers(0, len(free), rows)]] = True
    return space.complete(_changed(codes, changed, space, rng), rng)


def _changed(
    codes: Codes, changed: npt.NDArray[np.bool_], space: CandidateSpace, rng: np.random.Generator
) -> Codes:
    # A step of 1 to size - 1 around the circle of answers reaches every other answer, none twice.
    step = rng.integers(1, np.maximum(space.sizes, 2), size=codes.shape)
    # Among many levels, half of the changes go to a neighbour: those are numbers with an order.
    near = rng.choice(np.array([-1, 1]), size=codes.shape)
    fine = (space.sizes > 4) & (rng.random(codes.shape) < 0.5)
    moved = (codes + np.where(fine, near, step)) % space.sizes
    return np.asarray(np.where(changed & (codes != INACTIVE), moved, codes))


def neighbours(
    row: Codes, space: CandidateSpace, double_changes: int, rng: np.random.Generator
) -> Codes:
    """Every single change of a network (up to six per question), and some double ones."""
    rows = []
    for column in np.flatnonzero((space.sizes > 1) & (row != INACTIVE)).tolist():
        size = int(space.sizes[column])
        others = [code for code in range(size) if code != row[column]]
        if len(others) > 6:
            nearest = sorted(others, key=lambda code: abs(code - int(row[column])))[:4]
            others = [*nearest, *rng.choice(others, size=2).tolist()]
        for code in others:
            changed = row.copy()
            changed[column] = code
            rows.append(changed)
    single = np.array(rows, dtype=np.int64).reshape(-1, len(row))
    doubled = mutate(np.repeat(row[None], double_changes, axis=0), space, 2.0, rng)
    return np.vstack([space.complete(single, rng), doubled])


def _ranked(codes: Codes, value: Floats, most: int) -> tuple[Codes, Floats]:
    """The best different rows, the best first; what must not be proposed is dropped."""
    order = np.argsort(-value, kind="stable")
    kept: list[int] = []
    known: set[bytes] = set()
    for index in order.tolist():
        if len(kept) == most or value[index] == -np.inf:
            break
        key = codes[index].tobytes()
        if key not in known:
            known.add(key)
            kept.append(index)
    return codes[kept], value[kept]
