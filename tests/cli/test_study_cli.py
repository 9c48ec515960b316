"""`nas study scaling` from the command to its files, with evaluators whose truth is known."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import study_toys

from nas.runs.records import RUN_SCHEMA
from nas.studies.folder import STUDY

TESTS = Path(__file__).resolve().parents[1]
BASE = ("study", "scaling", "--baseline", "efficientnet-b0", "--resolution", "64")
FEW = ("--dimensions", "width", "--ratios", "1.5,2,4")


def studied(nas: Any, evaluator: str, *arguments: object) -> dict[str, Any]:
    done = nas(*BASE, "--evaluator", f"study_toys:{evaluator}", "--json", *arguments)
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_a_study_finds_what_saturates_and_leaves_its_files(nas) -> None:
    document = studied(nas, "Curved", "--seeds", "4", "--widths-at", "published", "--quiet")
    verdicts = {curve["curve"]: curve["verdict"] for curve in document["curves"]}
    assert verdicts["depth"] in ("saturates", "slows down")
    assert verdicts["width"] == "still gains"
    assert set(verdicts) >= {"resolution", "compound", "width at depth 2, resolution 1.3"}
    assert document["seed_sd"] == pytest.approx(study_toys.SEED_SD, rel=0.3)
    folder = Path("study-efficientnet-b0")
    for figure in ("figure3", "figure4", "figure8"):
        assert (folder / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        drawn = (folder / f"{figure}.svg").read_text()
        assert "<svg" in drawn
        assert "FLOPs" in drawn
    assert "d = 2, r = 1.3" in (folder / "figure4.svg").read_text()
    with (folder / "curves.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(document["points"])
    assert {row["seeds"] for row in rows} == {"4"}
    depth = next(r for r in rows if r["curve"] == "depth" and r["asked_ratio"] == "4.0")
    assert (depth["flops"], depth["layers"]) == ("132904960", "64")
    assert float(depth["accuracy_mean"]) == pytest.approx(0.54, abs=0.005)
    summary = (folder / "summary.md").read_text()
    assert "a doubling from 1 to 2 times the FLOPs" in summary
    # What the paper prints of B0, with its kind.
    assert "| depth | 4, 1, 1 | 1.8B | 79 % |" in summary
    assert "Published" in summary


def test_text_says_what_the_json_says(nas) -> None:
    first = studied(nas, "Curved", *FEW)
    again = nas(*BASE, "--evaluator", "study_toys:Curved", *FEW)
    assert again.code == 0
    for line in first["headlines"]:
        assert line in again.out
    assert "baseline" in again.out.splitlines()[1]


def test_the_same_command_trains_nothing_twice_and_more_of_it_only_what_is_new(
    nas, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("STUDY_LOG", str(tmp_path / "paid"))
    first = studied(nas, "Slow", *FEW, "--seeds", "2", "--workers", "2")
    paid = (tmp_path / "paid").read_text().splitlines()
    assert len(paid) == len(set(paid)) == 4 * 2
    again = studied(nas, "Slow", *FEW, "--seeds", "2")
    assert again["points"] == first["points"]
    assert (tmp_path / "paid").read_text().splitlines() == paid
    # The width curve of Figure 4 at 1, 1 is that of Figure 3; a seed more is trained alone.
    more = studied(nas, "Slow", *FEW, "--seeds", "3", "--widths-at", "1,1")
    now = (tmp_path / "paid").read_text().splitlines()
    assert len(now) == len(set(now)) == 4 * 3
    assert {point["seeds"] for point in more["points"]} == {3}


def test_a_killed_study_ends_as_an_undisturbed_one(tmp_path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "STUDY_LOG": str(tmp_path / "paid"),
        "STUDY_SECONDS": "0.3",
    }
    words = [*BASE, *FEW, "--evaluator", "study_toys:Slow", "--seeds", "2", "--json", "--quiet"]
    command = [sys.executable, "-m", "nas", *words, "--out"]
    killed = subprocess.Popen([*command, "killed"], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 240
    while not (tmp_path / "paid").exists() or len((tmp_path / "paid").read_text().split()) < 6:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "summary.md").exists()
    environment["STUDY_SECONDS"] = "0"
    ends = []
    for out in ("killed", "whole"):
        done = subprocess.run(
            [*command, out], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        ends.append(json.loads(done.stdout))
    for end in ends:
        del end["out"], end["command"]
    assert ends[0] == ends[1]


def test_networks_that_fail_are_left_out_and_told(nas) -> None:
    document = studied(nas, "Patchy")
    failed = [point for point in document["points"] if point["accuracy_mean"] is None]
    assert {point["curve"] for point in failed} == {"depth"}
    assert all("too deep" in point["error"] for point in failed)
    assert any("could not be trained" in line for line in document["warnings"])
    assert any(line.startswith("depth: too few networks") for line in document["warnings"])
    assert {curve["curve"] for curve in document["curves"]} == {"width", "resolution", "compound"}


def test_compound_grows_by_the_coefficients_that_were_asked_for(nas, tmp_path) -> None:
    (tmp_path / "mine.json").write_text('{"alpha": 1, "beta": 1.4, "gamma": 1}')
    dry = (*BASE, "--evaluator", "study_toys:Curved", "--dry-run", "--json", "--quiet")

    def layers(*words: str) -> list[float]:
        done = nas(*dry, "--dimensions", "compound", *words)
        assert done.code == 0, done.err
        return [network["depth"] for network in json.loads(done.out)["networks"]]

    assert layers("--coefficients", "mine.json") == [1] * 5
    assert layers("--coefficients", "fast")[-1] < 1.2
    assert layers("--coefficients", "published")[-1] > 1.3
    assert layers() == layers("--coefficients", "published")


def test_a_run_gets_its_study_and_gives_its_coefficients(nas, tmp_path) -> None:
    assert nas("search", "-t", "400M", "--trials", "5", "--quiet", "--out", "runs/mine").code == 0
    assert json.loads((tmp_path / "runs/mine/run.json").read_text())["schema"] == RUN_SCHEMA
    (tmp_path / "runs/mine/coefficients.json").write_text('{"alpha": 1, "beta": 1.4, "gamma": 1}')
    words = ("study", "scaling", "--evaluator", "study_toys:Curved", "--resolution", "64")
    done = nas(*words, "--dimensions", "compound", "--json", "--quiet")
    assert done.code == 0, done.err
    assert json.loads(done.out)["out"] == "runs/mine/study"
    assert STUDY.read(tmp_path / "runs/mine/study").coefficients.beta == 1.4


def test_a_dry_run_lists_the_networks_and_writes_nothing(nas, tmp_path) -> None:
    words = (*BASE, "--data", "sample:px=32,classes=3,images=60", "--device", "cpu")
    done = nas(*words, "--dimensions", "resolution", "--dry-run", "--json")
    assert done.code == 0
    document = json.loads(done.out)
    assert document["trainings"] == 5 * 3
    assert [n["resolution_px"] for n in document["networks"]] == [64, 72, 88, 104, 128]
    assert "upsampling adds no information" in document["warnings"][0]
    assert "upsampling adds no information" in done.err
    assert "15 trainings of 15 epochs" in nas(*words, "--dimensions", "resolution", "--dry-run").out
    assert list(tmp_path.iterdir()) == []


TOY = ("--evaluator", "study_toys:Curved")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*BASE,), "a study trains networks and needs images"),
        (("study", "scaling"), "no run found"),
        ((*BASE, *TOY, "--ratios", "0.5,2"), "--ratios has 0.5"),
        ((*BASE, *TOY, "--ratios", "1.02"), "raise --ratios"),
        ((*BASE, *TOY, "--ratios", "two"), "no list of numbers"),
        ((*BASE, *TOY, "--dimensions", "deep"), "choose of depth, width"),
        ((*BASE, *TOY, "--coefficients", "fats"), "did you mean 'fast'"),
        ((*BASE, *TOY, "--ratios", "1e5"), "lower --ratios"),
        ((*BASE, *TOY, "--widths-at", "1"), "1,1 2,1.3"),
        ((*BASE, *TOY, "--widths-at", "nan,1"), "1,1 2,1.3"),
        ((*BASE, *TOY, "--widths-at", "1,1 1,1.0"), "twice"),
        ((*BASE, *TOY, "--seeds", "1"), "--seeds is 1"),
        ((*BASE, *TOY, "--epochs", "3"), "takes no --epochs"),
        ((*BASE, *TOY, "--out", "blocker"), "blocker is a file"),
        ((*BASE, "--evaluator", "study_toys:Hopeless", *FEW), "no network of the study could be"),
        ((*BASE, "--data", "nowhere"), "nowhere"),
        ((*BASE, "--data", "sample", "--option", "epochs=1"), "not for a study; use --epochs"),
        (("study", "tables", "table9"), "no table 'table9'"),
        (("study", "tables", "figure4"), "does not print its widths"),
    ],
)
def test_bad_input_is_one_line(nas, tmp_path, arguments, said) -> None:
    (tmp_path / "blocker").write_text("in the way")
    done = nas(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]
    assert (tmp_path / "blocker").read_text() == "in the way"


def test_other_settings_and_foreign_folders_are_refused_by_name(nas, tmp_path) -> None:
    studied(nas, "Curved", *FEW)
    for change, said in (
        (("--seed", "1"), "seed 0 -> 1"),
        (("--resolution", "72"), "baseline"),
        (("--out", "foreign"), "holds files but no study.json"),
    ):
        (tmp_path / "foreign").mkdir(exist_ok=True)
        (tmp_path / "foreign" / "notes.txt").write_text("mine")
        done = nas(*BASE, *TOY, *FEW, *change)
        assert (done.code, said in done.err) == (2, True), done.err
    settings = tmp_path / "study-efficientnet-b0" / "study.json"
    for text, said in (("{", "cannot be read"), ("{}", "no configuration")):
        settings.write_text(text)
        done = nas(*BASE, *TOY, *FEW)
        assert (done.code, said in done.err) == (2, True), done.err


def test_the_tables_import_nothing_heavy() -> None:
    code = (
        "import sys\nfrom nas.cli.main import main\ntry:\n    main(['study', 'tables'])\n"
        "except SystemExit:\n    pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert not loaded & {"torch", "pandas", "optuna", "matplotlib", "scipy"}


@pytest.mark.slow
def test_a_study_on_images_leaves_every_artefact(nas, tmp_path) -> None:
    from nas.search_spaces.mbconv_elastic import MBConvElasticSpace
    from nas.space import random_network

    arch = min(
        (random_network(MBConvElasticSpace(16), seed)[0] for seed in range(200)),
        key=lambda arch: arch.depth * arch.stages[-1].channels,
    )
    (tmp_path / "small.json").write_text(arch.to_json())
    data = "sample:px=16,classes=3,images=90"
    words = ("study", "scaling", "--baseline", "small.json", "--data", data, "--epochs", "1")
    more = ("--dimensions", "width,compound", "--ratios", "1.5,2,3", "--seeds", "2", "--json")
    done = nas(*words, *more, "--workers", "2", "--device", "cpu")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert "toy data" in document["source"]
    assert all(point["seeds"] == 2 for point in document["points"])
    names = {path.name for path in (tmp_path / "study-small").iterdir()}
    assert names >= {"study.json", "data.json", "curves.csv", "figure3.png", "figure8.svg"}
