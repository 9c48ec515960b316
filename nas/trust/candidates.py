"""Which networks of a finished search a trust report trains again, and which it adds."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.cost import network_cost
from nas.errors import RunError
from nas.searching.problem import Problem
from nas.searching.results import summarise
from nas.searching.unseen import find_unseen
from nas.space import random_network, rebuild
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# Uniform draws before networks within the target are looked for by descent.
DRAWS_PER_NETWORK = 5_000


@dataclass(frozen=True)
class Judged:
    """A network of the search: its accuracy there, and which of the report's groups it is in."""

    name: str
    group: str
    arch: ArchSpec
    accuracy: float


def judged_networks(
    problem: Problem, trials: Sequence[FrozenTrial], count: int, slow: Collection[int] = ()
) -> list[Judged]:
    """The found network, the next best, and as many drawn from the others at or below the target.

    slow: trials whose networks were measured to break a latency bound; they are none of these.
    Raises: RunError where the search judged no network at or below its target.
    """
    result = summarise(problem, trials, without=slow)
    if result.best is None or result.best.accuracy is None:
        raise RunError(
            "the search has no accuracy of a network at or below its target, so there is nothing "
            "to report on; raise --trials to go on"
        )
    chosen = [Judged("found", "top", result.best.spec, result.best.accuracy)]
    taken = {result.best.spec.digest()}
    for candidate in result.top:
        digest = candidate.spec.digest()
        if len(chosen) < count and digest not in taken and candidate.accuracy is not None:
            taken.add(digest)
            chosen.append(
                Judged(f"trial {candidate.trial}", "top", candidate.spec, candidate.accuracy)
            )
    target = problem.config.target_flops
    others = [
        t
        for t in trials
        if "accuracy" in t.user_attrs
        and "repeat_of" not in t.user_attrs
        and t.user_attrs["flops"] <= target
        and t.user_attrs["digest"] not in taken
        and t.number not in slow
    ]
    drawn = random.Random(problem.config.seed).sample(others, min(count, len(others)))
    return chosen + [
        Judged(
            f"trial {t.number}",
            "sample",
            rebuild(problem.space, t.params),
            float(t.user_attrs["accuracy"]),
        )
        for t in sorted(drawn, key=lambda t: t.number)
    ]


def random_networks(problem: Problem, count: int) -> list[ArchSpec]:
    """Different random networks at or below the target and within the bounds: a random search.

    Uniform draws; where hardly any fits, networks found by descending from random ones.
    """
    # Luck alone is what a search is compared with.
    problem = dataclasses.replace(problem, first_filter=None)
    source = random.Random(f"random search {problem.config.seed}")
    found: list[ArchSpec] = []
    known: set[str] = set()
    while len(found) < count:
        arch = _draw(problem, source, known)
        if arch is None:
            break
        known.add(arch.digest())
        found.append(arch)
    return found


def _draw(problem: Problem, source: random.Random, known: set[str]) -> ArchSpec | None:
    for _ in range(DRAWS_PER_NETWORK):
        arch, _suggest = random_network(problem.space, source)
        if arch.digest() not in known and _fits(problem, arch):
            return arch
    params = find_unseen(problem, known, [], source)
    if params is None:
        return None
    last = rebuild(problem.space, params)
    return last if _fits(problem, last) else None


def _fits(problem: Problem, arch: ArchSpec) -> bool:
    return network_cost(arch).flops <= problem.config.target_flops and problem.meets_bounds(arch)
