"""Finding a network that a search has not met, when its sampler no longer does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas.searching.problem import Problem
from nas.space import random_network
from nas.suggest import FixedSuggest

RANDOM_DRAWS = 2000
DESCENTS = 10


def find_unseen(
    problem: Problem,
    known: set[str],
    starts: Sequence[Mapping[str, Any]],
    source: random.Random,
) -> dict[str, Any] | None:
    """Parameters of a network whose digest is not in `known` and that meets every bound.

    Tries uniform draws, then descents into the bounds from random networks, so that what is found
    differs; then the one-choice neighbours of `starts` and of where the descents ended. None means
    that none of these finds one; in a space of a few thousand networks that is all.
    """
    for _ in range(RANDOM_DRAWS):
        _, suggest = random_network(problem.space, source)
        if _acceptable(problem, suggest.params, known):
            return suggest.params
    ends = []
    for _ in range(DESCENTS):
        params = _descend(problem, source)
        if _acceptable(problem, params, known):
            return params
        ends.append(params)
    for start in (*starts, *ends):
        for neighbour in neighbours(problem, start, source):
            if _acceptable(problem, neighbour, known):
                return neighbour
    return None


def neighbours(
    problem: Problem, params: Mapping[str, Any], source: random.Random
) -> Iterator[dict[str, Any]]:
    """Every network one choice away; what a changed choice opens up is drawn at random."""
    asked = FixedSuggest(params)
    problem.space.sample(asked)
    for name, choices in asked.choices.items():
        for choice in choices:
            if choice != asked.params[name]:
                changed = FixedSuggest({**params, name: choice}, otherwise=source)
                problem.space.sample(changed)
                yield changed.params


def _acceptable(problem: Problem, params: Mapping[str, Any], known: set[str]) -> bool:
    arch = problem.rebuild(params)
    if arch.digest() in known or _excess(problem, params) > 0:
        return False
    return problem.first_filter is None or problem.first_filter.shortfall(arch) <= 0


def _excess(problem: Problem, params: Mapping[str, Any]) -> float:
    """The sum of violated bounds."""
    violations = problem.violations(problem.figures(problem.rebuild(params)))
    return sum(max(0.0, violation) for violation in violations.values())


def _descend(problem: Problem, source: random.Random) -> dict[str, Any]:
    """From a random network, one-choice steps that lessen the violation of the bounds."""
    _, suggest = random_network(problem.space, source)
    params, excess = suggest.params, _excess(problem, suggest.params)
    while excess > 0:
        best = min(
            neighbours(problem, params, source),
            key=lambda candidate: _excess(problem, candidate),
            default=params,
        )
        improved = _excess(problem, best)
        if improved >= excess:
            break
        params, excess = best, improved
    return params
