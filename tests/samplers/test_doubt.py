"""When a suggestion explores: how wide the model's SDs are taken."""

from typing import Any

import numpy as np
import optuna
from optuna.trial import create_trial

from nas.samplers import ArchitectureSampler
from nas.samplers.belief import CAREFUL
from nas.samplers.candidates import discover
from nas.samplers.problem import Problem, plain_accuracy


def test_every_third_suggestion_explores_once_there_is_something_to_leave() -> None:
    chosen = ArchitectureSampler(seed=0, startup=5)

    def doubts(numbers: range, known: int, since_best: int) -> list[float]:
        return [chosen.doubt(number, known, since_best) for number in numbers]

    assert doubts(range(14, 18), known=14, since_best=9) == [1.0] * 4
    assert doubts(range(15, 21), known=15, since_best=7) == [1, 1, 4, 1, 1, 4]
    # Nothing was gained for eight evaluations, or for sixteen.
    assert doubts(range(18, 24), known=15, since_best=8) == [1, 4, 4, 1, 1, 4]
    assert doubts(range(18, 24), known=15, since_best=15) == [1, 4, 4, 1, 1, 4]
    assert doubts(range(18, 24), known=15, since_best=16) == [1, 4, 4, 1, 4, 4]


def test_a_standstill_is_counted_from_the_network_that_is_best_by_the_model() -> None:
    names = ["a.x", "b.x", "c.x"]
    distribution = optuna.distributions.IntDistribution(1, 5)

    def ask(source: Any) -> None:
        for name in names:
            source.suggest_int(name, 1, 5)

    networks = [(1, 2, 3), (2, 4, 1), (5, 5, 5), (3, 1, 2), (4, 3, 1), (2, 2, 4)]
    trials = []
    for number, network in enumerate(networks):
        params = dict(zip(names, network, strict=True))
        trial = create_trial(
            params=params,
            distributions=dict.fromkeys(names, distribution),
            value=float(sum(network)),
        )
        trial.number = number
        trials.append(trial)
    problem = Problem(discover(ask), None, plain_accuracy, {}, None, CAREFUL)
    told: list[int] = []

    def doubt(since_best: int) -> float:
        told.append(since_best)
        return 4.0

    history = problem.reader.read(trials, np.array([1.0]))
    sure = problem.aim(history, np.random.default_rng(0), lambda since_best: 1.0)
    aim = problem.aim(history, np.random.default_rng(0), doubt)
    assert told == [3]
    assert (sure.doubt, aim.doubt) == (1.0, 4.0)
    # Wider SDs promise more everywhere.
    some = problem.space.draw(np.random.default_rng(1), 20)
    assert (aim.merit(some) > sure.merit(some)).all()
