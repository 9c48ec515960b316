"""Successive halving: what comes next, from the answers alone."""

from __future__ import annotations

import random

from nas.fitting.halving import LEAST_KEPT, Key, next_trainings, planned_trainings, seed_counts


def play(
    networks: int, seeds: int, merit: list[float], failing: frozenset[int] = frozenset()
) -> dict[Key, float | None]:
    """Do all that is asked for, one random training at a time."""
    answers: dict[Key, float | None] = {}
    source = random.Random(0)
    while wanted := next_trainings(networks, seeds, answers):
        key = source.choice(wanted)
        assert key not in answers
        answers[key] = None if key[0] in failing else merit[key[0]] + 1e-6 * key[1]
    return answers


def test_the_best_half_goes_on_until_few_are_left() -> None:
    merit = [float(network) for network in range(16)]
    answers = play(16, 4, merit)
    seeds = [sum(1 for network, _ in answers if network == index) for index in range(16)]
    assert seeds == [1] * 8 + [2] * 4 + [4] * 4
    assert len(answers) == planned_trainings(16, 4)


def test_no_fewer_than_a_few_stay_to_the_end() -> None:
    answers = play(6, 8, [float(network) for network in range(6)])
    last = {network for network, seed in answers if seed == 7}
    assert last == set(range(6 - LEAST_KEPT, 6))
    assert len(play(3, 4, [1.0, 2.0, 3.0])) == 12 == planned_trainings(3, 4)


def test_a_network_that_fails_is_out() -> None:
    answers = play(12, 4, [float(network) for network in range(12)], failing=frozenset({11, 3}))
    assert [seed for network, seed in answers if network == 11] == [0]
    assert sum(1 for network, _ in answers if network == 10) == 4
    everyone = frozenset(range(12))
    assert len(play(12, 4, [0.0] * 12, failing=everyone)) == 12


def test_a_tie_keeps_the_cheaper_network() -> None:
    answers = play(8, 2, [0.5] * 8)
    # Seeds differ by nothing that the ranking of the first round sees.
    assert {network for network, seed in answers if seed == 1} == {0, 1, 2, 3}


def test_seeds_double_up_to_what_was_asked_for() -> None:
    assert [seed_counts(count) for count in (1, 2, 4, 5)] == [[1], [1, 2], [1, 2, 4], [1, 2, 4, 5]]
