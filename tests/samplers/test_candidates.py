from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from nas.samplers.candidates import CandidateSpace, discover, from_trials
from nas.samplers.evolution import Effort, best_candidates, mutate, neighbours
from nas.samplers.exact_costs import ExactCosts
from nas.samplers.features import Features
from nas.samplers.parameter import INACTIVE, MOST_LEVELS, parameter
from nas.search_spaces.mbconv import MBConvSpace


def conditional(suggest: Any) -> dict[str, Any]:
    params = {"depth": suggest.suggest_int("depth", 1, 3)}
    for layer in range(params["depth"]):
        params[f"layer{layer}.kind"] = suggest.suggest_categorical(
            f"layer{layer}.kind", ["conv", "pool"]
        )
        if params[f"layer{layer}.kind"] == "conv":
            params[f"layer{layer}.width"] = suggest.suggest_categorical(
                f"layer{layer}.width", [16, 32, 64]
            )
    return params


def test_coordinates_are_centered_and_numbers_go_by_ratio() -> None:
    sizes = parameter("width", CategoricalDistribution([8, 16, 32])).coordinates()[:, 0]
    assert sizes.sum() == pytest.approx(0)
    assert sizes[1] - sizes[0] == pytest.approx(sizes[2] - sizes[1])
    kinds = parameter("kind", CategoricalDistribution(["a", "b", "c"])).coordinates()
    assert kinds.shape == (3, 3)
    assert (kinds**2).sum(axis=1).mean() == pytest.approx(1)
    assert parameter("se", CategoricalDistribution([False, True])).coordinates().shape == (2, 1)


@pytest.mark.parametrize(
    "distribution",
    [
        IntDistribution(1, 1000),
        IntDistribution(1, 1000, log=True),
        FloatDistribution(0.0, 1.0),
        FloatDistribution(1e-5, 1e-1, log=True),
        FloatDistribution(0.0, 1.0, step=0.1),
        IntDistribution(3, 3),
    ],
)
def test_every_level_is_an_allowed_value_and_fine_ranges_are_thinned(distribution: Any) -> None:
    levels = parameter("x", distribution).levels
    assert len(levels) <= MOST_LEVELS
    assert all(distribution._contains(distribution.to_internal_repr(level)) for level in levels)
    assert (levels[0], levels[-1]) == (distribution.low, pytest.approx(distribution.high))


def test_mbconv_is_found_whole_and_unconditional() -> None:
    space = discover(MBConvSpace().sample)
    assert len(space.parameters) == 28
    assert not space.conditional
    rows = space.draw(np.random.default_rng(0), 50)
    for row in rows:
        assert (space.encode(space.decode(row)) == row).all()


def test_a_conditional_network_answers_exactly_what_is_asked() -> None:
    space = discover(conditional)
    rng = np.random.default_rng(0)
    rows = mutate(space.draw(rng, 200), space, 2.0, rng)
    assert space.conditional
    for row in rows:
        params = space.decode(row)
        trial = optuna.trial.FixedTrial(params)
        assert conditional(trial) == params
    assert (rows == INACTIVE).any()


def test_conditions_are_learnt_from_trials_where_one_answer_decides() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", ["conv", "pool"])
        return float(trial.suggest_int("kernel", 1, 5) if kind == "conv" else 0)

    study.optimize(objective, n_trials=20)
    trials = study.trials
    space = from_trials([t.distributions for t in trials], [t.params for t in trials])
    for row in space.draw(np.random.default_rng(0), 50):
        params = space.decode(row)
        assert ("kernel" in params) == (params["kind"] == "conv")


def test_a_network_that_the_space_refuses_is_never_drawn() -> None:
    def picky(suggest: Any) -> int:
        a, b = suggest.suggest_int("a", 0, 5), suggest.suggest_int("b", 0, 5)
        if a + b > 6:
            raise ValueError("too large")
        return int(a + b)

    space = discover(picky)
    rows = space.draw(np.random.default_rng(0), 100)
    assert 40 < len(rows) < 100
    assert all(sum(space.decode(row).values()) <= 6 for row in rows)


def mbconv_cost(params: Any) -> dict[str, float]:
    from nas.cost import network_cost
    from nas.space import rebuild

    cost = network_cost(rebuild(MBConvSpace(), params))
    return {"flops": float(cost.flops), "params": float(cost.params)}


def test_costs_of_many_networks_equal_the_cost_function_to_the_unit() -> None:
    space = discover(MBConvSpace().sample)
    calls = []

    def counted(params: Any) -> dict[str, float]:
        calls.append(1)
        return mbconv_cost(params)

    costs = ExactCosts(counted, space)
    rows = space.draw(np.random.default_rng(7), 300)
    before = len(calls)
    found = costs(rows)
    assert len(calls) == before
    for row, value in zip(rows, found, strict=True):
        named = mbconv_cost(space.decode(row))
        assert value.tolist() == [named["flops"], named["params"]]


def test_costs_that_are_no_sum_over_parts_are_asked_for_one_by_one() -> None:
    space = discover(MBConvSpace().sample)
    product = ExactCosts(
        lambda params: {"c": float(np.prod(list(map(int, params.values()))))}, space
    )
    rows = space.draw(np.random.default_rng(7), 20)
    expected = [float(np.prod(list(map(int, space.decode(row).values())))) for row in rows]
    assert product(rows)[:, 0].tolist() == expected


def test_questions_not_asked_stand_at_the_average_answer() -> None:
    space = discover(conditional)
    features = Features(space, 0)
    row = space.encode({"depth": 1, "layer0.kind": "pool"})
    x = features(row[None], np.empty((1, 0)))
    assert x.shape == (1, len(features.group))
    assert np.count_nonzero(x) <= 3


def test_neighbours_hold_every_single_change() -> None:
    space = discover(MBConvSpace().sample)
    rng = np.random.default_rng(0)
    row = space.draw(rng, 1)[0]
    around = neighbours(row, space, 0, rng)
    assert len(around) == sum(int(size) - 1 for size in space.sizes)
    assert ((around != row).sum(axis=1) == 1).all()


def test_evolution_finds_the_best_of_a_rugged_merit() -> None:
    space = discover(MBConvSpace().sample)
    target = space.draw(np.random.default_rng(5), 1)[0]

    def merit(codes: np.ndarray) -> np.ndarray:
        same = (codes == target).sum(axis=1)
        return same - 1.5 * (same % 2)  # single changes always lose: doubles are needed

    empty = np.empty((0, 28), dtype=np.int64)
    found = best_candidates(merit, space, empty, Effort(), np.random.default_rng(0))
    assert (found[0] == target).sum() >= 24


def test_some_mutations_answer_one_part_anew() -> None:
    space = discover(MBConvSpace().sample)
    rng = np.random.default_rng(0)
    row = space.draw(rng, 1)[0]
    changed = mutate(np.repeat(row[None], 600, axis=0), space, 1.0, rng) != row
    parts = [np.unique(space.part[one]) for one in changed if one.sum() >= 3]
    # Three independent changes would fall into one part once in fifty.
    assert np.mean([len(part) == 1 for part in parts]) > 0.3


def test_what_is_taken_is_neither_proposed_nor_a_place_to_get_stuck() -> None:
    space = discover(MBConvSpace().sample)
    target = space.draw(np.random.default_rng(5), 1)

    def merit(codes: np.ndarray) -> np.ndarray:
        return (codes == target).sum(axis=1).astype(float)

    rng = np.random.default_rng(0)
    taken = {target.tobytes()}
    found = best_candidates(merit, space, target, Effort(), rng, taken)
    assert (found[0] != target).sum() == 1
    assert not any(row.tobytes() in taken for row in found)


def test_an_exhausted_space_is_no_error() -> None:
    space = CandidateSpace([parameter("a", CategoricalDistribution([3]))], None)
    rng = np.random.default_rng(0)
    found = best_candidates(lambda c: np.zeros(len(c)), space, space.draw(rng, 2), Effort(), rng)
    assert len(found) == 1
