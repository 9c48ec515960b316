"""`nas fit-scaling` from the command to its files, with evaluators whose truth is known."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fit_toys
import pytest

from nas.archs import find_network
from nas.cli.main import main
from nas.errors import ConfigError
from nas.fitting.points import fit_points
from nas.scaling.coefficient_files import read_coefficients
from nas.scaling.grid import feasible_grid
from nas.search_spaces.efficientnet import efficientnet_b0

TESTS = Path(__file__).resolve().parents[1]
BASE = ("--baseline", "efficientnet-b0", "--resolution", "64")


@pytest.fixture
def nas(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["fit-scaling", *map(str, arguments)])
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


def fitted(nas: Any, evaluator: str, *arguments: object) -> dict[str, Any]:
    code, out, err = nas(*BASE, "--evaluator", f"fit_toys:{evaluator}", "--json", *arguments)
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_the_fit_finds_the_dimension_that_pays(nas) -> None:
    document = fitted(nas, "Wide")
    (length,) = document["lengths"]
    shares = length["optimum"]["shares"]
    assert shares["width"] > 0.6
    assert document["nominal_ratio"] == pytest.approx(2.0)
    assert document["settled"] is None
    # An evaluator without epochs is not asked for more of them.
    assert not any("One length" in line for line in document["warnings"])
    assert length["networks"] == 19
    assert length["seed_sd"] == pytest.approx(fit_toys.SEED_SD, rel=0.4)
    for name in ("alpha", "beta", "gamma"):
        low, high = document["intervals"][name]
        assert low - 1e-9 <= document[name] <= high + 1e-9
    folder = Path("fit-efficientnet-b0")
    assert read_coefficients(folder).beta == document["beta"]
    assert (folder / "surface.png").read_bytes().startswith(b"\x89PNG")
    assert "may be the best" in (folder / "summary.md").read_text()


def test_the_chosen_network_is_really_the_best_or_called_undecided(nas) -> None:
    document = fitted(nas, "Wide", "--tolerance", "15%", "--seeds", "8")
    (length,) = document["lengths"]
    with Path("fit-efficientnet-b0/grid.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == length["networks"]
    seeds = [int(row["seeds"]) for row in rows]
    assert sum(seeds) == length["trainings"]
    assert max(seeds) == 8
    assert min(seeds) == 1
    named = {row["digest"] for row in rows if row["may_be_best"] == "True"}
    assert named == {point["digest"] for point in length["may_be_best"]}
    assert length["choice"]["digest"] in named


def test_where_nothing_pays_it_is_called_a_tie(nas) -> None:
    document = fitted(nas, "Level")
    (length,) = document["lengths"]
    assert length["tie"]
    assert len(length["may_be_best"]) > 3
    low, high = document["intervals"]["beta"]
    assert high - low > 0.2


def test_the_same_command_trains_nothing_twice(nas, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FIT_LOG", str(tmp_path / "paid"))
    monkeypatch.setenv("FIT_SECONDS", "0")
    first = fitted(nas, "Slow", "--seeds", "2", "--workers", "2")
    paid = (tmp_path / "paid").read_text().splitlines()
    assert len(paid) == len(set(paid)) == first["lengths"][0]["trainings"]
    assert fitted(nas, "Slow", "--seeds", "2", "--workers", "1") == first
    assert (tmp_path / "paid").read_text().splitlines() == paid


def test_a_killed_fit_ends_as_an_undisturbed_one(tmp_path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "FIT_LOG": str(tmp_path / "paid"),
        "FIT_SECONDS": "0.15",
    }
    words = ["fit-scaling", *BASE, "--evaluator", "fit_toys:Slow", "--seeds", "2", "--json"]
    command = [sys.executable, "-m", "nas", *words, "--quiet", "--out"]
    killed = subprocess.Popen([*command, "killed"], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 240
    while not (tmp_path / "paid").exists() or len((tmp_path / "paid").read_text().split()) < 14:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    environment["FIT_SECONDS"] = "0"
    ends = []
    for out in ("killed", "whole"):
        done = subprocess.run(
            [*command, out], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        ends.append(json.loads(done.stdout))
    for end in ends:
        del end["out"], end["found_by"]
    assert ends[0] == ends[1]


def test_networks_that_fail_are_left_out(nas) -> None:
    document = fitted(nas, "Patchy", "--step", "0", "--tolerance", "3%", "--seeds", "2")
    with Path("fit-efficientnet-b0/grid.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    failed = [row for row in rows if int(row["digest"], 16) % 5 == 0]
    assert failed
    assert all(row["accuracy"] == "" and row["may_be_best"] == "False" for row in failed)
    assert document["lengths"][0]["networks"] == len(rows) - len(failed)


def test_a_run_gets_its_coefficients_and_then_its_family(nas, tmp_path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["search", "-t", "400M", "--trials", "5", "--quiet", "--out", "runs/mine"])
    capsys.readouterr()
    code, out, err = nas("--evaluator", "fit_toys:Wide", "--resolution", "64", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["out"] == "runs/mine/fit"
    assert read_coefficients(tmp_path / "runs" / "mine").alpha == document["alpha"]
    with pytest.raises(SystemExit):
        main(["family", "--baseline", "runs/mine", "--json"])
    assert json.loads(capsys.readouterr().out)["rule"] == "fitted"
    assert find_network("runs/mine:b3").resolution > 64


def test_a_dry_run_lists_the_networks_and_writes_nothing(nas, tmp_path) -> None:
    code, out, _ = nas(*BASE, "--evaluator", "fit_toys:Wide", "--dry-run", "--json")
    document = json.loads(out)
    assert code == 0
    assert len(document["networks"]) == 19
    assert document["trainings"] == 19 + 10 + 2 * 5
    assert list(tmp_path.iterdir()) == []
    text = nas(*BASE, "--evaluator", "fit_toys:Wide", "--dry-run")[1]
    assert "39 trainings" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--baseline", "efficientnet-b0"), "a fit trains networks and needs images"),
        ((), "no run found"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--tolerance", "2%"), "try --tolerance"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--tolerance", "ten"), "write 10% or 0.1"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--seeds", "1"), "--seeds is 1"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--epochs", "9,3"), "must grow"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--epochs", "a"), "20,60"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--ratio", "0.5"), "--ratio is 0.5"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--constraint", "memory"), "cannot constrain"),
        ((*BASE, "--evaluator", "fit_toys:Hopeless"), "no training of the fit succeeded"),
        ((*BASE, "--evaluator", "fit_toys:Wide", "--out", "blocker"), "blocker is a file"),
        ((*BASE, "--data", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line(nas, tmp_path, arguments, said) -> None:
    (tmp_path / "blocker").write_text("in the way")
    code, out, err = nas(*arguments)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert (tmp_path / "blocker").read_text() == "in the way"


def test_a_dimension_that_never_grows_is_left_alone_and_said_so(nas) -> None:
    # 8 px more cost 1.56 times as much here, so a step of 0.7 in resolution never fits.
    document = fitted(nas, "Wide", "--resolution-multiple", "64", "--tolerance", "15%")
    assert document["gamma"] == 1
    assert document["intervals"]["gamma"] == [1, 1]
    assert "grows in resolution" in document["warnings"][0]


def test_networks_that_grow_in_one_dimension_only_are_refused() -> None:
    grid = feasible_grid(
        dataclasses.replace(efficientnet_b0(), resolution=64), step=0.05, resolution_multiple=8
    )
    wide = tuple(p for p in grid.points if p.alpha.high < 1.01 and p.gamma.multiplier == 1)
    more = tuple(dataclasses.replace(wide[0], ratio=2 + n / 100) for n in range(6))
    only = dataclasses.replace(grid, points=wide + more)
    with pytest.raises(ConfigError, match="grow in width alone"):
        fit_points(only, step=0.05, resolution_multiple=8)


def test_how_the_optimum_moved_is_told(nas) -> None:
    document = fitted(nas, "Lengths", "--epochs", "1,2")
    assert document["settled"] is True
    assert any("From 1 to 2 epochs the optimum moved" in line for line in document["warnings"])
    assert not any("has not settled" in line for line in document["warnings"])


def test_an_optimum_that_moves_with_the_length_has_not_settled(nas) -> None:
    document = fitted(nas, "Turning", "--epochs", "1,2")
    short, long = (length["optimum"]["shares"] for length in document["lengths"])
    assert short["width"] > 0.6
    assert long["depth"] > 0.6
    assert document["settled"] is False
    (told,) = [line for line in document["warnings"] if "has not settled" in line]
    assert "From 1 to 2 epochs" in told
    # The coefficients are of the longest training.
    assert document["alpha"] > document["beta"]
    assert told in (Path("fit-efficientnet-b0") / "summary.md").read_text()


def test_other_settings_are_refused_by_name(nas) -> None:
    fitted(nas, "Wide")
    code, _, err = nas(*BASE, "--evaluator", "fit_toys:Wide", "--seed", "1")
    assert code == 2
    assert "seed 0 -> 1" in err


def test_more_networks_seeds_and_lengths_keep_what_is_trained(nas, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FIT_LOG", str(tmp_path / "paid"))
    monkeypatch.setenv("FIT_SECONDS", "0")
    fitted(nas, "Slow", "--seeds", "2", "--tolerance", "6%", "--workers", "2")
    before = (tmp_path / "paid").read_text().splitlines()
    fitted(nas, "Slow", "--seeds", "4", "--tolerance", "10%", "--workers", "2")
    after = (tmp_path / "paid").read_text().splitlines()
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) > len(before)


def test_the_constraint_decides_how_shares_become_coefficients(nas) -> None:
    document = fitted(nas, "Wide", "--constraint", "activations", "--tolerance", "15%")
    grown = document["alpha"] * document["beta"] * document["gamma"] ** 2
    assert grown == pytest.approx(2.0)


def test_parameters_as_constraint_leave_resolution_alone(nas) -> None:
    document = fitted(nas, "Wide", "--constraint", "params")
    assert document["gamma"] == 1
    assert document["alpha"] * document["beta"] ** 2 == pytest.approx(2.0)
    assert "does not depend on resolution" in document["warnings"][0]


def test_a_fit_of_another_baseline_is_refused_and_stays_whole(nas, capsys) -> None:
    first = fitted(nas, "Wide", "--out", "fit")
    other = ("--baseline", "mobilenet-v2", "--resolution", "64", "--evaluator", "fit_toys:Wide")
    code, out, err = nas(*other, "--out", "fit")
    assert (code, out) == (2, "")
    assert "baseline efficientnet-b0 at 64 px" in err
    assert "-> mobilenet-v2 at 64 px" in err.splitlines()[-1]
    assert fitted(nas, "Wide", "--out", "fit") == first
    with pytest.raises(SystemExit):
        main(["family", "--baseline", "mobilenet-v2", "--coefficients", "fit", "--ratios", "2"])
    assert "fitted on efficientnet-b0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["family", "--baseline", "efficientnet-b0", "--coefficients", "fit", "--ratios", "2"])
    assert capsys.readouterr().err == ""


def test_a_baseline_too_small_to_scale_is_one_line_and_leaves_nothing(nas, tmp_path) -> None:
    b0 = efficientnet_b0()
    tiny = dataclasses.replace(
        b0,
        stem=dataclasses.replace(b0.stem, channels=8),
        stages=(dataclasses.replace(b0.stages[0], channels=8),),
        head=dataclasses.replace(b0.head, channels=8),
        resolution=8,
        classes=10,
        name="tiny",
    )
    (tmp_path / "tiny.json").write_text(tiny.to_json())
    words = ("--baseline", "tiny.json", "--evaluator", "fit_toys:Wide")
    code, out, err = nas(*words)
    assert (code, out) == (2, "")
    assert "larger baseline" in err.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.json"]


def test_more_pixels_than_the_images_have_are_warned_of(nas) -> None:
    data = ("--data", "sample:px=32,classes=3,images=60", "--baseline", "efficientnet-b0")
    _, _, err = nas(*data, "--resolution", "64", "--dry-run")
    assert "upsampling adds no information" in err
    code, _, err = nas(*data, "--resolution", "16", "--dry-run", "--tolerance", "5%")
    assert code == 0
    assert "upsampling" not in err


def test_what_the_paper_prints_is_told_without_training(nas, tmp_path) -> None:
    code, out, _ = nas("--published", "--json")
    assert code == 0
    assert len(json.loads(out)["networks"]) == 9
    assert list(tmp_path.iterdir()) == []
    assert "Not determined: where the optimum is" in nas("--published")[1]


def test_settings_of_the_evaluator_are_checked_before_anything_is_trained(nas, tmp_path) -> None:
    for words, said in (
        (("--option", "typo=1"), "takes no --typo"),
        (("--option", "epochs=1"), "--epochs"),
        (("--epochs", "1,2"), "takes no --epochs"),
    ):
        code, _, err = nas(*BASE, "--evaluator", "fit_toys:Wide", *words)
        assert (code, said in err) == (2, True), err
    train = (*BASE, "--data", "sample:px=16,classes=3,images=60")
    for words, said in (
        (("--device", "cuda:7"), "cuda"),
        (("--option", "train_seeds=2"), "--seeds"),
        (("--subset", "100000"), "subset"),
    ):
        code, _, err = nas(*train, *words)
        assert code == 2, err
        assert said in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
