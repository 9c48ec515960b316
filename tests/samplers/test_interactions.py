import numpy as np

from nas.samplers.gaussian_process import Posterior, learn
from nas.samplers.interactions import MOST_PAIRS, Column, Interactions
from nas.samplers.kernel import Kernel

STAGES = 4
PLACES = [
    Column(2 * stage + number, f"stage{stage}", (kind, 0))
    for stage in range(STAGES)
    for number, kind in enumerate(("expand", "layers"))
]


def test_pairs_are_of_one_part_and_shared_pairs_their_sum() -> None:
    x = np.arange(1.0, 10.0)[None]
    pairs, shared = Interactions(PLACES)(x)
    assert pairs.tolist() == [[2.0, 12.0, 30.0, 56.0]]
    assert shared.tolist() == [[100.0 / 2]]


def test_questions_that_belong_to_no_part_have_no_pairs() -> None:
    alone = [Column(index, name, (name, 0)) for index, name in enumerate("abc")]
    assert Interactions(alone).widths == ()
    assert Interactions(alone)(np.ones((2, 3))) == []


def test_a_part_as_large_as_a_network_is_no_part() -> None:
    count = 30
    assert count * (count - 1) / 2 > MOST_PAIRS
    one_part = [Column(index, "net", ("choice", 0)) for index in range(count)]
    assert Interactions(one_part).widths == ()


def test_the_columns_of_one_unordered_answer_are_no_pair() -> None:
    places = [Column(0, "stem", ("kind", level)) for level in range(3)]
    assert Interactions(places).widths == ()


def test_a_rule_that_every_part_follows_is_known_from_few_readings() -> None:
    rng = np.random.default_rng(0)
    x = rng.choice([-1.2, 0.0, 1.2], size=(230, 2 * STAGES))
    y = x.sum(axis=1) + (x[:, ::2] * x[:, 1::2]).sum(axis=1)
    group = np.array([0, 1] * STAGES)
    errors = []
    for interactions in (None, Interactions(PLACES)):
        kernel = Kernel(group, 3, interactions)
        posterior = Posterior(kernel, learn(kernel, x[:30], y[:30]), x[:30], y[:30])
        errors.append(np.abs(posterior.mean(x[30:]) - y[30:]).mean())
    assert errors[1] < 0.5 * errors[0]
