"""The default evaluator, and what a search with it finds."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from nas.archs import find_network
from nas.errors import EvaluationError
from nas.evaluators.base import EvaluationContext
from nas.evaluators.imagenet import ImagenetPredictor
from nas.runs.records import open_run
from nas.search_spaces.mbconv import MBConvSpace
from nas.searching.config import SearchConfig
from nas.searching.loop import Search, make_executor
from nas.searching.problem import load_problem
from nas.searching.results import SearchResult, summarise


@pytest.fixture(scope="module")
def predictor() -> ImagenetPredictor:
    found = ImagenetPredictor()
    found.prepare(EvaluationContext(MBConvSpace(), 0))
    return found


def find(folder: Path, target: int, trials: int = 60, reward: str = "hard") -> SearchResult:
    config = SearchConfig(target_flops=target, trials=trials, reward=reward)
    problem = load_problem(config)
    run = open_run(folder, config, "nas search")
    return summarise(problem, Search(problem, run, make_executor(problem, run, 1)).execute().trials)


def test_b0_gets_what_independent_models_of_the_same_results_give_it(
    predictor: ImagenetPredictor,
) -> None:
    """Gradient-boosted trees, a Gaussian process and a quadratic gave 65.6 to 66.0 %."""
    judged = predictor.evaluate(find_network("efficientnet-b0"), seed=0)
    assert 0.653 < judged.value < 0.662
    assert judged.sd is not None
    assert 0.001 < judged.sd < 0.01
    assert "16-epoch" in judged.source


def test_networks_that_it_does_not_know_are_refused(predictor: ImagenetPredictor) -> None:
    b0 = find_network("efficientnet-b0")
    for foreign in (find_network("efficientnet-b1"), dataclasses.replace(b0, resolution=64)):
        with pytest.raises(EvaluationError, match="--data"):
            predictor.evaluate(foreign, seed=0)


def test_devices_have_units(predictor: ImagenetPredictor) -> None:
    metrics = predictor.device_metrics()
    assert metrics["latency:zcu102"] == "ms"
    assert metrics["throughput:a100"] == "images/s"
    b0 = find_network("efficientnet-b0")
    assert 2 < predictor.device_figure("latency:zcu102", b0) < 20
    assert 1_000 < predictor.device_figure("throughput:a100", b0) < 20_000


def test_each_target_has_its_own_winner(tmp_path: Path) -> None:
    """With the default reward; under the paper's, T is a constant factor and moves nothing."""
    targets = (200_000_000, 300_000_000, 400_000_000)
    hard = [find(tmp_path / f"hard-{t}", t) for t in targets]
    best = [result.best for result in hard]
    assert len({candidate.spec.digest() for candidate in best if candidate}) == 3
    flops = [candidate.cost.flops for candidate in best if candidate]
    assert flops == sorted(flops)
    assert all(0.8 * t < f <= t for t, f in zip(targets, flops, strict=True))
    paper = [find(tmp_path / f"paper-{t}", t, trials=40, reward="paper") for t in targets]
    assert len({r.reward_best.spec.digest() for r in paper if r.reward_best}) == 1


def test_a_bound_on_a_device_is_met(tmp_path: Path) -> None:
    from nas.objective import Bound

    bound = Bound("latency:zcu102", 4.5)
    config = SearchConfig(target_flops=400_000_000, trials=60, bounds=(bound,))
    problem = load_problem(config)
    run = open_run(tmp_path / "run", config, "nas search")
    outcome = Search(problem, run, make_executor(problem, run, 1)).execute()
    judged = [t for t in outcome.trials if "accuracy" in t.user_attrs]
    assert len(judged) >= 60
    assert all(t.user_attrs["latency:zcu102"] <= 4.5 for t in judged)


def test_it_ranks_the_networks_of_the_table(data_folder: Path, tmp_path: Path) -> None:
    """Through the command, as anyone would check it on results of their own."""
    from scipy.stats import kendalltau

    from nas.cli.main import main

    table = tmp_path / "table.csv"
    table.write_bytes(gzip.decompress((data_folder / "accel_nasbench.csv.gz").read_bytes()))
    with pytest.raises(SystemExit) as done:
        main(["score", str(table), "--json"])
    assert done.value.code == 0
    rows = list(csv.DictReader((tmp_path / "table.scored.csv").open()))
    predicted = np.array([float(row["accuracy"]) for row in rows])
    measured = np.array([float(row["top1"]) for row in rows]) / 100
    assert kendalltau(predicted, measured).statistic > 0.917
    assert all(int(row["flops"]) == round(float(row["macs_conv_linear_M"]) * 1e6) for row in rows)


def test_the_model_ships_with_its_card() -> None:
    data = Path(__file__).resolve().parents[2] / "nas" / "evaluators" / "data"
    assert (data / "imagenet_predictor.npz").stat().st_size <= 300_000
    card = (data / "imagenet_predictor.md").read_text()
    for needed in ("16 epochs", "one seed", "Accel-NASBench", "batch"):
        assert needed in card


def test_results_are_json(tmp_path: Path) -> None:
    document = find(tmp_path / "run", 400_000_000, trials=30).to_dict()
    assert json.loads(json.dumps(document)) == document
