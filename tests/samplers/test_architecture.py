import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.samplers import ArchitectureSampler
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import rebuild

SPACE = MBConvSpace()


def cost(params: Mapping[str, Any]) -> dict[str, float]:
    found = network_cost(rebuild(SPACE, params))
    return {"flops": float(found.flops), "params": float(found.params)}


def hard(accuracy: np.ndarray, costs: Mapping[str, np.ndarray]) -> np.ndarray:
    return accuracy * np.minimum(1.0, 300e6 / costs["flops"])


def accuracy_of(params: Mapping[str, Any]) -> float:
    """A made-up accuracy with interactions; nothing of any real table."""
    costs = cost(params)
    value = 0.4 + 0.05 * np.log(costs["flops"] / 1e8) + 0.02 * np.log(costs["params"] / 1e6)
    for stage in range(7):
        value += 0.01 * params[f"stage{stage}.se"]
        if params[f"stage{stage}.kernel"] == 5 and params[f"stage{stage}.expand"] == 4:
            value += 0.004 * stage
    return float(value)


def reward_of(params: Mapping[str, Any], accuracy: float) -> float:
    return float(hard(np.array([accuracy]), {k: np.array([v]) for k, v in cost(params).items()})[0])


def sampler(seed: int = 0, **changes: Any) -> ArchitectureSampler:
    settings: dict[str, Any] = {"space": SPACE.sample, "cost": cost, "reward": hard}
    return ArchitectureSampler(seed=seed, **{**settings, **changes})


def objective(trial: optuna.Trial) -> float:
    SPACE.sample(trial)
    accuracy = accuracy_of(trial.params)
    trial.set_user_attr("accuracy", accuracy)
    return reward_of(trial.params, accuracy)


def study_with(chosen: optuna.samplers.BaseSampler, **settings: Any) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(**{"direction": "maximize", "sampler": chosen, **settings})


def test_it_beats_random_search_within_thirty_evaluations() -> None:
    ours, chance = [], []
    for seed in range(3):
        study = study_with(sampler(seed))
        study.optimize(objective, n_trials=30)
        ours.append(study.best_value)
        study = study_with(optuna.samplers.RandomSampler(seed=seed))
        study.optimize(objective, n_trials=90)
        chance.append(study.best_value)
    assert np.mean(ours) > np.mean(chance)
    assert min(ours) > np.mean(chance)


def test_a_killed_search_continues_as_if_it_had_not_been(tmp_path: Path) -> None:
    def storage(name: str) -> optuna.storages.JournalStorage:
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / name))
        return optuna.storages.JournalStorage(backend)

    whole = study_with(sampler(), storage=storage("whole"))
    whole.optimize(objective, n_trials=22)
    for _ in range(2):
        parted = study_with(
            sampler(), storage=storage("parted"), study_name="s", load_if_exists=True
        )
        parted.optimize(objective, n_trials=11)
    assert [t.params for t in whole.trials] == [t.params for t in parted.trials]


def test_the_order_of_questions_to_one_sampler_does_not_matter() -> None:
    shared = sampler()
    first = study_with(shared)
    first.optimize(objective, n_trials=15)
    other = study_with(shared)
    other.optimize(objective, n_trials=15)
    assert [t.params for t in first.trials] == [t.params for t in other.trials]


@pytest.mark.parametrize("flight", [8, 32])
def test_suggestions_in_flight_are_all_different(flight: int) -> None:
    study = study_with(sampler())
    seen = []
    for _ in range(2):
        trials = [study.ask() for _ in range(flight)]
        for trial in trials:
            SPACE.sample(trial)
            seen.append(tuple(sorted(trial.params.items())))
        for trial in trials:
            accuracy = accuracy_of(trial.params)
            trial.set_user_attr("accuracy", accuracy)
            study.tell(trial, reward_of(trial.params, accuracy))
    assert len(set(seen)) == 2 * flight


def test_nothing_outside_the_bounds_is_proposed() -> None:
    limits = {"flops": (200e6, 260e6)}
    study = study_with(sampler(bounds=limits))
    study.optimize(objective, n_trials=20)
    inside = [200e6 <= cost(t.params)["flops"] <= 260e6 for t in study.trials]
    assert sum(inside[8:]) == 12
    assert sum(inside) >= 18


def test_failed_and_refused_networks_are_skipped_and_not_asked_again() -> None:
    study = study_with(sampler())
    for number in range(40):
        trial = study.ask()
        SPACE.sample(trial)
        if number % 3 == 1:
            study.tell(trial, state=TrialState.FAIL)
        elif number % 3 == 2:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            accuracy = accuracy_of(trial.params)
            trial.set_user_attr("accuracy", accuracy)
            study.tell(trial, reward_of(trial.params, accuracy))
    networks = {tuple(sorted(t.params.items())) for t in study.trials}
    assert len(networks) == 40


def test_a_collapsed_training_does_not_blind_the_model() -> None:
    study = study_with(sampler())

    def with_collapses(trial: optuna.Trial) -> float:
        value = objective(trial)
        if trial.number in (2, 9, 14):
            trial.set_user_attr("accuracy", 0.001)
            return 0.001
        return value

    study.optimize(with_collapses, n_trials=35)
    # A collapse still costs evaluations; what is claimed is that the search goes on learning.
    values = [t.value or 0.0 for t in study.trials]
    ordinary = [value for value in values[:8] if value > 0.01]
    assert np.mean(values[15:]) > np.mean(ordinary)


def test_warm_started_trials_are_learnt_from() -> None:
    rng = np.random.default_rng(0)
    study = study_with(sampler())
    distributions = _distributions()
    for _ in range(30):
        params = {
            name: d.choices[rng.integers(len(d.choices))] for name, d in distributions.items()
        }
        accuracy = accuracy_of(params)
        study.add_trial(
            create_trial(
                params=params,
                distributions=distributions,
                value=reward_of(params, accuracy),
                user_attrs={"accuracy": accuracy},
            )
        )
    before = study.best_value
    study.optimize(objective, n_trials=5)
    assert study.best_value > before


def test_an_enqueued_network_is_evaluated_as_it_is() -> None:
    study = study_with(sampler())
    params = {f"stage{s}.{k}": v for s in range(7) for k, v in _b0(s).items()}
    study.enqueue_trial(params)
    study.optimize(objective, n_trials=1)
    assert study.trials[0].params == params


@pytest.mark.parametrize("known_space", [True, False])
def test_other_peoples_conditional_spaces(known_space: bool) -> None:
    def ask(trial: Any) -> dict[str, Any]:
        params = {
            "kind": trial.suggest_categorical("kind", ["conv", "mlp", "none"]),
            "rate": trial.suggest_float("rate", 1e-4, 1e-1, log=True),
            "drop": trial.suggest_float("drop", 0.0, 0.5, step=0.1),
        }
        if params["kind"] == "conv":
            params["kernel"] = trial.suggest_int("kernel", 1, 7, step=2)
        if params["kind"] != "none":
            params["units"] = trial.suggest_int("units", 16, 1024, log=True)
        return params

    def judge(trial: optuna.Trial) -> float:
        params = ask(trial)
        loss = (np.log10(params["rate"]) + 2.5) ** 2 + (params["drop"] - 0.2) ** 2
        loss += {"conv": 0.0, "mlp": 0.3, "none": 1.0}[params["kind"]]
        loss += abs(params.get("kernel", 0) - 5) * 0.1
        return float(loss + (np.log2(params.get("units", 16)) - 8) ** 2 * 0.1)

    chosen = ArchitectureSampler(seed=1, space=ask if known_space else None)
    study = study_with(chosen, direction="minimize")
    study.optimize(judge, n_trials=40)
    assert study.best_value < 0.3
    best = chosen.recommend(study.trials, minimise=True)
    assert best.params["kind"] == "conv"


def test_two_objectives_of_which_one_is_known_exactly() -> None:
    def judge(trial: optuna.Trial) -> tuple[float, float]:
        SPACE.sample(trial)
        return accuracy_of(trial.params), cost(trial.params)["flops"]

    def area(study: optuna.Study) -> float:
        edge = sorted((t.values[1] / 1e6, t.values[0]) for t in study.best_trials)
        ends = [flops for flops, _ in edge[1:]] + [600.0]
        return sum((e - f) * a for (f, a), e in zip(edge, ends, strict=True) if e > f)

    directions = ["maximize", "minimize"]
    ours = study_with(
        sampler(objectives=["accuracy", "flops"]), direction=None, directions=directions
    )
    ours.optimize(judge, n_trials=40)
    chance = study_with(
        optuna.samplers.RandomSampler(seed=0), direction=None, directions=directions
    )
    chance.optimize(judge, n_trials=160)
    assert area(ours) > area(chance)


@pytest.mark.parametrize("count", [2, 3])
def test_several_modelled_objectives(count: int) -> None:
    def judge(trial: optuna.Trial) -> list[float]:
        x = [trial.suggest_int(f"x{i}", 0, 9) for i in range(4)]
        return [float(x[i] - 0.3 * sum(x)) for i in range(count)]

    chosen = ArchitectureSampler(seed=0)
    study = study_with(chosen, direction=None, directions=["maximize"] * count)
    study.optimize(judge, n_trials=20)
    assert len({tuple(t.params.values()) for t in study.trials[8:]}) == 12


def test_a_measured_constraint_is_learnt() -> None:
    def judge(trial: optuna.Trial) -> float:
        x = [trial.suggest_int(f"x{i}", 0, 9) for i in range(4)]
        trial.set_constraint("sum", sum(x) - 15.0)
        return float(sum(x) + 0.5 * x[0])

    chosen = ArchitectureSampler(seed=0)
    study = study_with(chosen)
    study.optimize(judge, n_trials=40)
    met = [t for t in study.trials if t.constraints["sum"] <= 0]
    assert max(t.value or 0.0 for t in met) >= 19
    assert chosen.recommend(study.trials).constraints["sum"] <= 0


def test_a_space_smaller_than_the_budget_is_searched_whole() -> None:
    study = study_with(ArchitectureSampler(seed=0, space=lambda t: t.suggest_int("x", 0, 11)))
    study.optimize(lambda trial: -((trial.suggest_int("x", 0, 11) - 7) ** 2), n_trials=16)
    assert {t.params["x"] for t in study.trials[:12]} == set(range(12))


def test_the_recommended_network_is_better_than_the_luckiest_reading() -> None:
    ours, luckiest = [], []
    distributions = _distributions()
    # The difference of one seed is as large as ten times the mean difference.
    for seed in range(30):
        rng = np.random.default_rng(seed)
        study = study_with(optuna.samplers.RandomSampler(seed=seed))
        for _ in range(60):
            params = {n: d.choices[rng.integers(len(d.choices))] for n, d in distributions.items()}
            reading = accuracy_of(params) + 0.03 * rng.standard_normal()
            study.add_trial(
                create_trial(
                    params=params,
                    distributions=distributions,
                    value=reward_of(params, reading),
                    user_attrs={"accuracy": reading},
                )
            )
        best = sampler().recommend(study.trials)
        for found, trial in ((ours, best), (luckiest, study.best_trial)):
            found.append(reward_of(trial.params, accuracy_of(trial.params)))
    assert np.mean(ours) > np.mean(luckiest)


def test_the_recommended_network_is_the_best_read_where_readings_have_no_noise() -> None:
    # Tables of effects and of pairs: more than the kernel knows of. What it misses is no noise.
    questions, levels, count = 12, 5, 100
    distribution = optuna.distributions.IntDistribution(1, levels)
    names = [f"stage{question // 2}.q{question % 2}" for question in range(questions)]

    def ask(suggest: Any) -> None:
        for name in names:
            suggest.suggest_int(name, 1, levels)

    for seed in range(3):
        rng = np.random.default_rng(seed)
        effects = rng.normal(0, 0.5, (questions, levels))
        pairs = [rng.choice(questions, 2, replace=False) for _ in range(2 * questions)]
        tables = rng.normal(0, 0.25, (len(pairs), levels, levels))
        known: dict[tuple[int, ...], float] = {}
        while len(known) < count:
            row = rng.integers(0, levels, questions)
            if len(known) >= 20:
                best = sorted(known, key=lambda network: known[network])[-4:]
                row = np.array(best[rng.integers(4)])
                for _ in range(rng.integers(1, 3)):
                    row[rng.integers(questions)] = rng.integers(levels)
            value = effects[np.arange(questions), row].sum()
            value += sum(t[row[a], row[b]] for (a, b), t in zip(pairs, tables, strict=True))
            known.setdefault(tuple(row.tolist()), float(value))
        study = study_with(optuna.samplers.RandomSampler(seed=0))
        for network, value in known.items():
            params = {name: code + 1 for name, code in zip(names, network, strict=True)}
            study.add_trial(
                create_trial(
                    params=params, distributions=dict.fromkeys(names, distribution), value=value
                )
            )
        chosen = ArchitectureSampler(seed=0, space=ask).recommend(study.trials)
        assert chosen.value == pytest.approx(study.best_value, abs=0.1), seed


def test_the_cheap_mode_is_chosen_by_declaration_and_differs() -> None:
    def networks(cheap: bool) -> list[Any]:
        study = study_with(sampler(cheap=cheap))
        study.optimize(objective, n_trials=14)
        return [t.params for t in study.trials]

    careful, cheap = networks(False), networks(True)
    assert careful[:8] == cheap[:8]
    assert careful != cheap


def test_it_travels_to_other_processes() -> None:
    used = sampler(space=SPACE.sample)
    study = study_with(used)
    study.optimize(objective, n_trials=10)
    again = pickle.loads(pickle.dumps(used))
    other = study_with(again)
    other.optimize(objective, n_trials=10)
    assert [t.params for t in study.trials] == [t.params for t in other.trials]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cost": None, "bounds": {"flops": (0, 1)}}, "need `cost`"),
        ({"bounds": {"flop": (0, 1)}}, "bound on 'flop'"),
        ({"space": lambda suggest: None}, "asks no question"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], said: str) -> None:
    def ask() -> None:
        study_with(sampler(**settings)).optimize(objective, n_trials=1)

    with pytest.raises(ConfigError, match=said):
        ask()


def test_nothing_to_recommend_is_an_error_that_says_so() -> None:
    with pytest.raises(ConfigError, match="no trial has completed"):
        sampler().recommend([])


def _distributions() -> dict[str, Any]:
    study = study_with(optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    SPACE.sample(trial)
    return dict(trial.distributions)


def _b0(stage: int) -> dict[str, Any]:
    row = [(1, 3, 1), (6, 3, 2), (6, 5, 2), (6, 3, 3), (6, 5, 3), (6, 5, 4), (6, 3, 1)][stage]
    return {"expand": row[0], "kernel": row[1], "layers": row[2], "se": True}
