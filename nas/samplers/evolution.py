"""Finding the candidate with the highest figure of merit among 10^11 that cannot be listed.

Evolution starts from good known networks and random ones. A single population ends near the best
known network, and better ones may lie ten changes away; so islands may evolve side by side, all but
the first from random networks alone. Then the best climb by single and double changes: a reward
with a FLOPs target has many local optima, between which one must trade FLOPs of one stage for those
of another, two changes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.samplers.candidates import CandidateSpace
from nas.samplers.parameter import INACTIVE, Codes, Floats

Merit = Callable[[Codes], Floats]
"""Rows of codes -> a figure each, larger is better; -inf for what must not be proposed."""

WHOLE_PART = 0.3
"""Share of mutations that answer all questions about one part of the network anew: a stage that is
worth switching off is often worth it only with all of its answers changed."""

ALTERNATIVES = 12
"""Of the networks around a climber, how many are remembered."""


@dataclass(frozen=True)
class Effort:
    """How long to look. The defaults take about ten milliseconds with a hundred readings."""

    islands: int = 1
    random: int = 100
    children_of_parent: int = 10
    generations: int = 6
    offspring: int = 150
    survivors: int = 40
    climbers: int = 3
    double_changes: int = 60
    most_steps: int = 25


WIDE = Effort(islands=3, random=40, generations=8, offspring=70, survivors=20, climbers=1)
"""For finding what lies far from all that is known."""

BRIEF = Effort(
    random=30, children_of_parent=6, generations=4, offspring=80, climbers=1, double_changes=30
)
"""For searches of many hundred evaluations, whose best is known but for details."""

QUICK = Effort(
    random=30,
    children_of_parent=4,
    generations=2,
    offspring=60,
    climbers=1,
    double_changes=20,
    most_steps=4,
)
"""For evaluators that declare themselves cheap: a third of the time for a few more evaluations."""


@dataclass(frozen=True)
class Group:
    """Different networks and their figures, the best first."""

    codes: Codes
    value: Floats


def best_candidates(
    merit: Merit,
    space: CandidateSpace,
    parents: Codes,
    effort: Effort,
    rng: np.random.Generator,
    taken: Collection[bytes] = frozenset(),
) -> Codes:
    """Promising networks, the best first.

    `parents` are good known ones, perhaps none; `taken` are those that are not to be proposed.
    Known networks are no stepping stones either: a search would come back to them.
    """
    begun = [space.draw(rng, effort.random) for _ in range(effort.islands)]
    if len(parents):
        copies = np.repeat(parents, effort.children_of_parent, axis=0)
        begun[0] = np.vstack([mutate(copies, space, 2.0, rng), begun[0]])
    islands = [
        _ranked([group], effort.survivors, taken)
        for group in _judged(merit, begun)
        if len(group.codes)
    ]
    for _ in range(effort.generations):
        islands = [island for island in islands if len(island.codes)]
        children = [_children(island.codes, space, effort.offspring, rng) for island in islands]
        islands = [
            _ranked([island, group], effort.survivors, taken)
            for island, group in zip(islands, _judged(merit, children), strict=True)
        ]
    islands = [island for island in islands if len(island.codes)]
    if not islands:
        return np.empty((0, len(space.sizes)), dtype=np.int64)
    return _climbed(merit, space, islands, effort, rng, taken).codes


def _children(codes: Codes, space: CandidateSpace, count: int, rng: np.random.Generator) -> Codes:
    one = codes[rng.integers(0, len(codes), count)]
    other = codes[rng.integers(0, len(codes), count)]
    crossed = (rng.random(one.shape) < 0.5) & (rng.random((count, 1)) < 0.5)
    return mutate(np.where(crossed, other, one), space, 1.5, rng)


def _climbed(
    merit: Merit,
    space: CandidateSpace,
    islands: Sequence[Group],
    effort: Effort,
    rng: np.random.Generator,
    taken: Collection[bytes],
) -> Group:
    """All that was seen when the best of each island climb until no change helps."""
    seen = list(islands)
    tops = [
        (island.codes[rank], island.value[rank])
        for island in islands
        for rank in range(min(effort.climbers, len(island.codes)))
    ]
    for _ in range(effort.most_steps):
        around = [neighbours(row, space, effort.double_changes, rng) for row, _ in tops]
        found = [_ranked([group], ALTERNATIVES, taken) for group in _judged(merit, around)]
        seen += found
        tops = [
            (group.codes[0], group.value[0])
            for (_, height), group in zip(tops, found, strict=True)
            if len(group.codes) and group.value[0] > height
        ]
        if not tops:
            break
    return _ranked(seen, sum(len(group.codes) for group in seen), taken)


def _judged(merit: Merit, groups: Sequence[Codes]) -> list[Group]:
    """Figures of several groups by one call, which costs less than one call each."""
    if not groups:
        return []
    value = np.split(merit(np.vstack(groups)), np.cumsum([len(g) for g in groups])[:-1])
    return [Group(codes, figures) for codes, figures in zip(groups, value, strict=True)]


def mutate(codes: Codes, space: CandidateSpace, rate: float, rng: np.random.Generator) -> Codes:
    """Copies with about `rate` answers changed, at least one, or with one part answered anew."""
    rows, columns = codes.shape
    free = np.flatnonzero(space.sizes > 1)
    if rows == 0 or len(free) == 0:
        return codes
    changed = rng.random((rows, columns)) < rate / len(free)
    one = free[rng.integers(0, len(free), rows)]
    changed[np.arange(rows), one] = True
    whole = (space.part == space.part[one][:, None]) & (rng.random((rows, 1)) < WHOLE_PART)
    # A part of one question has no more to offer than a change of it.
    whole &= whole.sum(axis=1, keepdims=True) > 1
    changed &= ~whole.any(axis=1, keepdims=True)
    moved = _changed(codes, changed, space, rng)
    anew = np.flatnonzero(whole.any(axis=1))
    drawn = rng.integers(0, space.sizes, size=(len(anew), columns))
    moved[anew] = np.where(whole[anew] & (codes[anew] != INACTIVE), drawn, moved[anew])
    return space.complete(moved, rng)


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


def _ranked(groups: Sequence[Group], most: int, taken: Collection[bytes]) -> Group:
    """The best different rows, the best first; what must not be proposed is dropped."""
    codes = np.vstack([group.codes for group in groups])
    value = np.concatenate([group.value for group in groups])
    order = np.argsort(-value, kind="stable")
    kept: list[int] = []
    known: set[bytes] = set()
    for index in order.tolist():
        if len(kept) == most or value[index] == -np.inf:
            break
        key = codes[index].tobytes()
        if key not in known and key not in taken:
            known.add(key)
            kept.append(index)
    return Group(codes[kept], value[kept])
