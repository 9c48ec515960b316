"""`nas search --data`: networks really trained, from the command line to the run folder."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from here_workers import HereWorkers

from nas.cli.search_data import trust_networks
from nas.errors import ConfigError, RunError
from nas.searching.config import SearchConfig

TESTS = Path(__file__).resolve().parents[1]
SAMPLE = "sample:px=16,classes=3,images=60"
TRAINED = ("--space", "toys:SmallSpace", "--sampler", "random", "--epochs", "2", "--batch", "16")
Nas = Callable[..., Any]


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TESTS))
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)


def search(nas: Nas, *arguments: str, data: str = SAMPLE) -> Any:
    fixed = ("search", "-t", "30k", "--data", data, *TRAINED, "--device", "cpu")
    return nas(*fixed, "--trials", "4", "--out", "run", *arguments)


def rows(run: Path) -> list[dict[str, str]]:
    found = list(csv.DictReader((run / "trials.csv").open()))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in found]


def test_a_search_by_training_says_what_it_does_and_leaves_a_whole_run(
    nas: Nas, tmp_path: Path
) -> None:
    done = search(nas)
    assert done.code == 0, done.err
    for said in (
        "resolution 16 px",
        "3 classes; networks are trained on",
        "to do: 4 networks of small by evaluator train",
        "time: told when the first network is done",
        "refused untrained",
    ):
        assert said in done.err, done.err
    assert f"measured top-1 on search-val of {SAMPLE}, 2 epochs, recipe short, toy data" in done.out
    run = tmp_path / "run"
    best = json.loads((run / "best.json").read_text())
    assert best["best"]["cost"]["flops"] <= 30_000
    assert best["evaluations"] == 4
    config = json.loads((run / "run.json").read_text())["config"]
    assert config["classes"] == 3
    assert config["resolution"] == 16
    assert ["recipe", "short"] in config["evaluator_options"]
    assert (run / "data-manifest.csv.gz").exists()
    assert not (run / "reports").exists()
    assert all(path.suffix == ".json" for path in run.glob("evaluator/*/*"))
    first = rows(run)
    # With two workers the same networks are judged, each with the same accuracy.
    other = search(nas, "--workers", "2", "--out", "two", "--quiet")
    assert other.code == 0, other.err
    assert other.err == ""
    two = {r["digest"]: r["accuracy"] for r in rows(tmp_path / "two") if r["accuracy"]}
    assert two == {r["digest"]: r["accuracy"] for r in first if r["accuracy"]}
    again = search(nas, "--dry-run", "--json", "--trials", "6")
    document = json.loads(again.out)
    assert (document["done"], document["goes_on"]) == (4, True)
    assert document["checkpoint_bytes"] > 0
    assert set(document["files"]) >= {"data.json", "data-manifest.csv.gz"}


def test_images_that_changed_are_refused_by_name(nas: Nas, tmp_path: Path) -> None:
    from PIL import Image

    for label, shade in (("dark", 40), ("light", 200)):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for number in range(8):
            colour = (shade + number, shade, shade)
            Image.new("RGB", (16, 16), colour).save(folder / f"{number}.png")
    data = str(tmp_path / "images")
    dry = search(nas, "--dry-run", "--json", data=data)
    assert json.loads(dry.out)["seconds_known_by"] == "tried on a part of one training"
    # The record is made before the first training; what comes after need not happen here.
    done = search(nas, "--timeout", "0.001", "--trust", "0", data=data)
    assert done.code == 0, done.err
    Image.new("RGB", (16, 16), (9, 9, 9)).save(tmp_path / "images" / "dark" / "3.png")
    changed = search(nas, "--trust", "0", data=data)
    assert (changed.code, changed.out) == (2, "")
    last = changed.err.strip().splitlines()[-1]
    assert "are not those that run run began with: 1 changed" in last
    assert "dark/3.png" in last


def test_an_unreadable_image_is_told_of_at_the_end_and_stops_a_strict_search(
    nas: Nas, tmp_path: Path
) -> None:
    from PIL import Image

    for number in range(16):
        folder = tmp_path / "images" / ("dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (12 * number, 0, 0)).save(folder / f"{number}.png")
    whole = (folder / "15.png").read_bytes()
    (folder / "15.png").write_bytes(whole[: len(whole) // 2])
    data = str(tmp_path / "images")
    strict = search(nas, "--strict", "--quiet", data=data)
    assert (strict.code, strict.out) == (2, "")
    assert "dark/15.png" in strict.err
    assert not Path("run").exists()
    done = search(nas, "--trust", "0", "--trials", "1", data=data)
    assert done.code == 0, done.err
    assert "1 image left out, " in done.err
    assert ": dark/15.png" in done.err


def test_images_to_test_with_that_are_trained_on_are_told(nas: Nas, tmp_path: Path) -> None:
    from PIL import Image

    for number in range(12):
        folder = tmp_path / "images" / "train" / ("dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (20 * number, 0, 0)).save(folder / f"{number}.png")
        if number < 2:
            twin = tmp_path / "images" / "test" / folder.name
            twin.mkdir(parents=True)
            (twin / "same.png").write_bytes((folder / f"{number}.png").read_bytes())
    data = str(tmp_path / "images")
    done = search(nas, "--timeout", "0.001", "--trust", "0", data=data)
    assert done.code == 0, done.err
    assert "2 images to test with, equal to one to train with: test/" in done.err


def test_a_search_is_done_whatever_becomes_of_its_trust_report(
    nas: Nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.searching.loop.ProcessWorkers", HereWorkers)

    def refuse(*arguments: Any) -> Any:
        raise RunError("nothing to report on")

    monkeypatch.setattr("nas.trust.retraining.judged_networks", refuse)
    short = ("--epochs", "1", "--trust", "1", "--quiet")
    done = search(nas, *short)
    assert done.code == 0, done.err
    assert "top 4 at or below the target" in done.out
    assert done.err == "no trust report: nothing to report on; `nas trust run` tries again\n"
    again = search(nas, *short, "--json")
    assert again.code == 0, again.err
    document = json.loads(again.out)
    assert document["evaluations"] == 4
    assert (document["trust"], document["trust_error"]) == (None, "nothing to report on")


def test_only_what_can_be_trained_longer_gets_a_trust_report_unasked() -> None:
    epochs = (("epochs", 5),)
    trained = SearchConfig(10**8, evaluator="train", data="mine", evaluator_options=epochs)
    assert trust_networks(None, trained) == 3
    assert trust_networks(None, dataclasses.replace(trained, data=SAMPLE)) == 0
    assert trust_networks(2, dataclasses.replace(trained, data=SAMPLE)) == 2
    for lacking in ({"evaluator": "toys:Epochs"}, {"evaluator_options": ()}):
        other = dataclasses.replace(trained, **lacking)
        assert trust_networks(None, other) == 0
        assert trust_networks(0, other) == 0
        with pytest.raises(ConfigError, match="epochs"):
            trust_networks(1, other)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--data", "nowhere"), "nowhere"),
        (("--data", "sample:px=0"), "px"),
        (("--epochs", "5"), "add --data DIR"),
        (("--strict",), "--strict is for searches that train on images"),
        (("-t", "400M", "--filter", "zero-cost:0.5"), "does not train; leave it out"),
        (("--data", SAMPLE, "--filter", "zero-cost"), "is not EVALUATOR:KEEP"),
        (("--data", SAMPLE, "--filter", "train:0.5"), "scores without training"),
        (("--train-seeds", "2"), "--train-seeds is for searches that train on images"),
        (("--evaluator", "train"), "needs images"),
        (
            ("--evaluator", "zero-cost", "--data", SAMPLE, "--trust", "2"),
            "does not train on images",
        ),
        (("--trust", "2"), "--trust trains networks on images"),
        (("--pruner", "median"), "does not train"),
        (("--option", "metric"), "NAME=VALUE"),
        (("--evaluator", "zero-cost", "--option", "metric=zen"), "log-synflow"),
        (("--evaluator", "imagenet", "--data", SAMPLE), "takes no --data"),
        (("--data", SAMPLE, "--classes", "7"), "has 3 classes and the networks tell 7 apart"),
        (("--data", SAMPLE, "--in-channels", "1"), "must be 3"),
        (("--data", SAMPLE, "--subset", "0"), "no part of the images"),
        (("--data", SAMPLE, "--subset", "100"), "more than the 4"),
        (("--data", SAMPLE, "--subset", "2"), "at least one of each"),
        (("--data", SAMPLE, "--option", "subset=Infinity"), "--subset is inf"),
        (("--data", SAMPLE, "--recipe", "shrot"), "shrot"),
        (("--data", SAMPLE, "--pruner", "medain"), "did you mean 'median'"),
        (("--data", SAMPLE, "--device", "cuda:77"), "cuda:77"),
        (("--data", SAMPLE, "--device", "cuda:1"), "set CUDA_VISIBLE_DEVICES=1"),
        (("--data", SAMPLE, "--option", "colour=red"), "colour"),
        (("--option", f"data={SAMPLE}"), "named by --data"),
        (("--data", SAMPLE, "--trials", "0"), "at least 1"),
    ],
)
def test_bad_input_is_one_line(nas: Nas, arguments: tuple[str, ...], said: str) -> None:
    done = nas("search", "-t", "5M", "--out", "run", "--quiet", *arguments)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert said in done.err
    assert not Path("run").exists()


def test_zero_cost_scores_say_what_they_are_worth(nas: Nas) -> None:
    fixed = ("--space", "toys:SmallSpace", "--resolution", "16", "--trials", "5", "--quiet")
    done = nas("search", "-t", "45k", "--evaluator", "zero-cost", *fixed, "--out", "a")
    assert done.code == 0, done.err
    assert "Kendall tau 0.62" in done.out
    metric = ("--option", "metric=params")
    other = nas("search", "-t", "45k", "--evaluator", "zero-cost", *metric, *fixed, "--out", "b")
    assert "the number of parameters, a score and no accuracy" in other.out


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_search_that_is_killed_in_a_training_ends_the_same(tmp_path: Path, workers: str) -> None:
    """Kill -9 at several moments; the accuracies are those of a search that nobody disturbed."""

    def command(out: str, count: str) -> list[str]:
        fixed = ["search", "-t", "30k", "--data", SAMPLE, *TRAINED, "--device", "cpu", "--quiet"]
        fixed += ["--epochs", "12", "--trials", "4", "--workers", count, "--out", out]
        return [sys.executable, "-m", "nas", *fixed]

    environment = {**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"], "OMP_NUM_THREADS": "1"}
    whole = subprocess.run(command("whole", "1"), cwd=tmp_path, env=environment, timeout=300)
    assert whole.returncode == 0
    kills = 0
    while kills < 3:
        process = subprocess.Popen(command("parts", workers), cwd=tmp_path, env=environment)
        deadline = time.monotonic() + 240
        before = _checkpoint_times(tmp_path)
        while process.poll() is None and _checkpoint_times(tmp_path) <= before:
            assert time.monotonic() < deadline, "no checkpoint in four minutes"
            time.sleep(0.01)
        if process.poll() is not None:
            break
        time.sleep(0.1 * kills)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills
    done = subprocess.run(command("parts", workers), cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0
    accuracies = [
        {r["digest"]: r["accuracy"] for r in rows(tmp_path / name) if r["accuracy"]}
        for name in ("whole", "parts")
    ]
    assert accuracies[0] == accuracies[1]


def _checkpoint_times(folder: Path) -> int:
    """When the last checkpoint was written, in nanoseconds."""
    times = []
    for path in folder.glob("parts/evaluator/*/*/checkpoint.pt"):
        try:
            times.append(path.stat().st_mtime_ns)
        except FileNotFoundError:
            continue
    return max(times, default=0)
