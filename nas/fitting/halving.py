"""Which training comes next: successive halving over networks and seeds.

Every network gets one training; the better half gets a second seed, the better half of those two
more, and so on until the last ones have all their seeds. What comes next follows from the answers
alone, so a fit that was killed goes on where it was.

Source: Jamieson & Talwalkar, Non-stochastic best arm identification (1502.07943), with seeds as
the resource.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Key = tuple[int, int]
"""Index of the network, number of the seed."""

Ranking = Callable[[Sequence[int], Sequence[Sequence[float]]], Sequence[float]]
"""(networks, accuracies of each) -> merit of each, higher is better."""

LEAST_KEPT = 4
"""So many go through to the end: the winner, and what it has to be told from."""


def seed_counts(seeds: int) -> list[int]:
    """Seeds of a network after each round: 1, 2, 4, ... and `seeds`."""
    counts = [1]
    while counts[-1] < seeds:
        counts.append(min(2 * counts[-1], seeds))
    return counts


def by_mean(networks: Sequence[int], accuracies: Sequence[Sequence[float]]) -> list[float]:
    """Rank by the mean accuracy."""
    return [float(np.mean(row)) for row in accuracies]


def next_trainings(
    networks: int,
    seeds: int,
    answers: Mapping[Key, float | None],
    ranking: Ranking = by_mean,
) -> list[Key]:
    """The trainings of the current round that are not done; empty when the fit is over.

    networks: how many there are. seeds: of those that stay to the end. answers: accuracy of each
    finished training, None of one that failed; a network that failed is out.
    """
    alive = list(range(networks))
    for count in seed_counts(seeds):
        wanted = [(network, seed) for network in alive for seed in range(count)]
        missing = [key for key in wanted if key not in answers]
        if missing:
            return missing
        alive = _kept(alive, count, answers, ranking)
    return []


def planned_trainings(networks: int, seeds: int) -> int:
    """How many trainings a fit takes if none fails."""
    total, alive, before = 0, networks, 0
    for count in seed_counts(seeds):
        total += alive * (count - before)
        alive, before = _half(alive), count
    return total


def _kept(
    alive: Sequence[int], count: int, answers: Mapping[Key, float | None], ranking: Ranking
) -> list[int]:
    """The better half of the networks whose trainings all succeeded, in their own order."""
    rows: dict[int, list[float]] = {}
    for network in alive:
        values = [answers[network, seed] for seed in range(count)]
        read = [value for value in values if value is not None]
        if len(read) == count:
            rows[network] = read
    if not rows:
        return []
    merits = ranking(list(rows), list(rows.values()))
    # At a tie the earlier network, which is the cheaper one.
    best = sorted(zip(rows, merits, strict=True), key=lambda row: (-row[1], row[0]))
    return sorted(network for network, _ in best[: _half(len(alive))])


def _half(count: int) -> int:
    return max(min(LEAST_KEPT, count), -(-count // 2))
