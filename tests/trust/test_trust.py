"""The trust report: figures that scipy would give, rivals of the same FLOPs, words that follow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from here_workers import HereWorkers

from nas.archs import read_network
from nas.cost import network_cost
from nas.errors import ConfigError
from nas.model import build
from nas.runs.records import Run, open_run
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mobilenet_v2 import mobilenet_v2
from nas.searching.config import SearchConfig
from nas.searching.loop import Search, make_executor
from nas.searching.problem import load_problem
from nas.searching.run import save_result
from nas.spec import ArchSpec
from nas.training.weight_header import WeightsError
from nas.training.weights import save_weights
from nas.trust.alternatives import alternatives, for_images
from nas.trust.candidates import judged_networks, random_networks
from nas.trust.report import Budget, Retrained, TrustReport, make_report
from nas.trust.retraining import trust_report
from nas.trust.settings import TrustSettings
from nas.trust.statistics import Difference, difference, kendall_tau, pooled_sd

TESTS = Path(__file__).resolve().parents[1]


def report_of(**against: Difference) -> TrustReport:
    found = Retrained("found", "top", mobilenet_v2(), 0.5, (0.6, 0.62))
    return TrustReport(
        data="mine",
        toy=False,
        proxy_epochs=5,
        long_epochs=15,
        networks=(found,),
        tau=0.5,
        compared=6,
        seed_sd=0.01,
        against=against,
        random=Budget(10, 10, 0.5, 0.48),
        left_out=(),
    )


def test_the_spread_is_pooled_and_differences_have_students_intervals() -> None:
    readings = {"a": (0.5, 0.52), "b": (0.7, 0.74), "c": (0.1,)}
    sd, freedom = pooled_sd(readings)
    # Variances 0.0002 and 0.0008, one degree of freedom each.
    assert freedom == 2
    assert sd == pytest.approx(0.0005**0.5)
    found = difference(readings["b"], readings["a"], sd, freedom)
    half = 4.302653 * 0.0005**0.5 * (1 / 2 + 1 / 2) ** 0.5
    assert found.value == pytest.approx(0.21)
    assert found.low == pytest.approx(0.21 - half, rel=1e-6)
    assert found.verdict == "better"
    assert pooled_sd({"a": (0.5,)}) == (None, 0)
    assert difference((0.5,), (0.4,), None, 0).verdict == "unknown"
    assert kendall_tau([(1, 2), (2, 1)]) is None
    assert kendall_tau([(1, 1), (2, 3), (3, 2), (4, 4)]) == pytest.approx(2 / 3)


def test_it_says_so_where_the_search_did_not_beat_the_rivals() -> None:
    better = Difference(0.02, 0.01, 0.03)
    lost = Difference(-0.02, -0.03, -0.01)
    below = Difference(-0.01, -0.03, 0.01)
    within = Difference(0.01, -0.01, 0.03)
    assert "beats every other" in report_of(b0=better).verdict
    said = report_of(b0=better, v2=lost).verdict
    assert "The search did not beat v2: take that" in said
    assert "did not beat v2: no clear difference" in report_of(b0=better, v2=below).verdict
    assert "within what the seeds explain" in report_of(v2=within).verdict
    # One seed each: no interval, so luck explains neither a lead nor its absence.
    for value, said in ((0.3, "None is above the found network"), (-0.3, "did not beat v2")):
        told = report_of(v2=Difference(value, None, None)).verdict
        assert said in told
        assert "with one seed each nothing tells" in told
        assert "explain" not in told
    assert "toy data" in dataclasses.replace(report_of(b0=better), toy=True).verdict
    text = report_of(b0=lost).text()
    assert "-2.00 points, 95 % interval -3.00 to -1.00: worse" in text
    assert "0.50, over 6 networks, too few to say more than its sign" in text


@pytest.mark.parametrize(("px", "target"), [(32, 20_000_000), (64, 50_000_000), (224, 400_000_000)])
def test_rivals_are_known_networks_at_or_below_the_target(px: int, target: int) -> None:
    rivals = alternatives(target, resolution=px, classes=10)
    assert len(rivals) == 6
    built = [rival for rival in rivals if rival.arch is not None]
    assert len(built) >= 5
    for rival in built:
        assert rival.arch is not None
        assert 0.6 * target < network_cost(rival.arch).flops <= target, rival.name
        assert rival.arch.classes == 10
        assert "width" not in rival.name or rival.arch.resolution == px
    assert for_images(mobilenet_v2(), 224) == mobilenet_v2()
    small = alternatives(1_000_000, resolution=32, classes=10)
    assert all(rival.arch is None and rival.reason for rival in small)


def stopping(said: list[str]) -> Callable[[str], None]:
    """Ends a report once it has said what it would do."""

    def say(line: str) -> None:
        said.append(line)
        raise StopIteration

    return say


def retrained(name: str, group: str, arch: ArchSpec, *readings: float) -> Retrained:
    return Retrained(name, group, arch, None, readings)


def report_on(*networks: Retrained, budget: Budget | None = None) -> TrustReport:
    rest: dict[str, Any] = {"data": "mine", "toy": False, "proxy_epochs": 5, "long_epochs": 15}
    return make_report(networks, budget or Budget(10, 10, 0.5, 0.48), (), **rest)


def test_rivals_of_one_name_are_both_compared() -> None:
    report = report_on(
        retrained("found", "top", mobilenet_v2(), 0.6, 0.62),
        retrained("b0, pretrained", "pretrained", efficientnet_b0(), 0.5, 0.5),
        retrained("b0, pretrained", "pretrained", efficientnet_b0(), 0.7, 0.7),
    )
    values = {name: round(found.value, 2) for name, found in report.against.items()}
    assert values == {"b0, pretrained": 0.11, "b0, pretrained (2)": -0.09}
    assert [network.name for network in report.networks] == ["found", *values]
    assert "did not beat b0, pretrained (2)" in report.verdict


def test_the_found_network_is_neither_compared_with_itself_nor_counted_twice() -> None:
    found, b0 = (0.6, 0.62), (0.5, 0.56)
    report = report_on(
        retrained("found", "top", mobilenet_v2(), *found),
        retrained("best of 9 random", "random search", mobilenet_v2(), *found),
        retrained(
            "v2 by width", "alternative", dataclasses.replace(mobilenet_v2(), name="v2"), 0.6
        ),
        retrained("trial 3", "sample", efficientnet_b0(), *b0),
        retrained("b0 by width", "alternative", efficientnet_b0(), *b0),
        retrained("mine", "pretrained", mobilenet_v2(), 0.7),
    )
    assert set(report.against) == {"b0 by width", "mine"}
    assert [one.name for one in report.left_out] == ["best of 9 random", "v2 by width"]
    assert report.seed_sd == pooled_sd({"found": found, "b0": b0})[0]
    assert "left out: best of 9 random, because it is the found network" in report.text()
    assert "best of 9 random" in report.to_dict()["left_out"]


def test_a_pruned_search_is_said_to_have_had_shorter_trainings() -> None:
    found = retrained("found", "top", mobilenet_v2(), 0.6, 0.62)
    text = report_on(found, budget=Budget(10, 12, 0.5, 0.48, stopped=4)).text()
    assert "stopped 4 of the search's first 10 trainings early" in text
    assert "stopped" not in report_on(found).text()


def test_seeds_begin_above_those_of_the_search() -> None:
    settings = TrustSettings(seeds=2)
    assert list(settings.seeds_above(0, 1)) == [1000, 1001]
    assert list(settings.seeds_above(998, 5)) == [1003, 1004]


def trained_run(folder: Path) -> Run:
    config = SearchConfig(
        30_000,
        space="toys:SmallSpace",
        evaluator="train",
        sampler="random",
        trials=5,
        resolution=16,
        classes=3,
        data="sample:px=16,classes=3,images=60",
        evaluator_options=(("batch", 16), ("device", "cpu"), ("epochs", 1), ("recipe", "short")),
    )
    problem = load_problem(config)
    run = open_run(folder, config, "nas search")
    outcome = Search(problem, run, make_executor(problem, run, 1)).execute()
    save_result(problem, run, outcome)
    return run


def test_a_report_of_a_trained_search_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TESTS))
    monkeypatch.setattr("nas.searching.loop.ProcessWorkers", HereWorkers)
    monkeypatch.setattr("nas.trainings.ProcessWorkers", HereWorkers)
    run = trained_run(tmp_path / "run")
    said: list[str] = []
    weights = tmp_path / "mine.safetensors"
    network = build(read_network(run.folder / "best.json"), seed=9)
    save_weights(weights, network, ("a", "b", "c"), extra={})
    lacking = TrustSettings(networks=1, pretrained=("nothing.safetensors",))
    with pytest.raises(WeightsError, match="No such file"):
        trust_report(run, lacking, 1, said.append)
    assert not said
    settings = TrustSettings(networks=1, epochs=2, seeds=2, random=2, pretrained=(str(weights),))
    report = trust_report(run, settings, 1, said.append)
    groups = [network.group for network in report.networks]
    assert groups == ["top", "sample", "random search", "pretrained"]
    assert all(len(network.readings) == 2 for network in report.networks)
    assert report.seed_sd is not None
    assert set(report.against) == {
        "best of 2 random",
        f"small-best, pretrained ({tmp_path.name}/mine.safetensors)",
    }
    # 30k is far below what any known network can be scaled to.
    assert len(report.left_out) == 6
    assert "toy data" in report.verdict
    assert "2 trainings of a random search" in said[0]
    assert "cut" not in said[0]
    document = json.loads((run.folder / "trust" / "trust.json").read_text())
    assert document["judged_on"].startswith("search-val")
    journal = run.folder / "trust" / "long-2" / "study.journal"
    # As a kill would leave it: the last record cut.
    journal.write_bytes(journal.read_bytes()[:-20])
    said.clear()
    again = trust_report(run, settings, 1, said.append)
    assert again.to_dict() == report.to_dict()
    assert sum("trainings" in line for line in said[1:]) == 1
    more = dataclasses.replace(settings, random=50)
    said.clear()
    with pytest.raises(StopIteration):
        trust_report(run, more, 1, stopping(said))
    assert "(--random 50 is cut to the search's 5)" in said[0]


def test_candidates_are_the_best_some_others_and_random_ones(tmp_path: Path) -> None:
    config = SearchConfig(400_000_000, evaluator="toys:Toy", sampler="random", trials=40)
    problem, run = load_problem(config), open_run(tmp_path / "run", config, "nas search")
    trials = Search(problem, run, make_executor(problem, run, 1)).execute().trials
    chosen = judged_networks(problem, trials, 3)
    assert [one.group for one in chosen] == ["top"] * 3 + ["sample"] * 3
    assert chosen[0].name == "found"
    assert len({one.arch.digest() for one in chosen}) == 6
    assert min(one.accuracy for one in chosen[:3]) >= max(one.accuracy for one in chosen[3:])
    drawn = random_networks(problem, 5)
    assert len({arch.digest() for arch in drawn}) == 5
    assert all(network_cost(arch).flops <= 400_000_000 for arch in drawn)
    assert [arch.digest() for arch in random_networks(problem, 5)] == [a.digest() for a in drawn]
    with pytest.raises(ConfigError, match="does not train on images"):
        trust_report(run, TrustSettings(), 1, lambda line: None, problem)
