"""`nas search --dry-run` tells what a search would do, and leaves no trace."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
Nas = Callable[..., Any]


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(TESTS))
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))


def search(nas: Nas, *arguments: str, evaluator: str = "toys:Toy") -> Any:
    toy = ("--evaluator", evaluator, "--sampler", "random", "--quiet")
    return nas("search", "-t", "400M", *toy, "--trials", "30", *arguments)


def dry_run(nas: Nas, *arguments: str, evaluator: str = "toys:Toy") -> dict[str, Any]:
    done = search(nas, "--dry-run", "--json", *arguments, evaluator=evaluator)
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_nothing_is_written(nas: Nas, tmp_path: Path) -> None:
    text = search(nas, "--dry-run")
    assert text.code == 0
    for part in ("dry run: nothing is written", "at or below 400.0M", "time: about", "(made)"):
        assert part in text.out
    document = dry_run(nas, "--out", "there")
    assert list(tmp_path.iterdir()) == []
    assert (document["run"], document["goes_on"], document["done"]) == ("there", False, 0)
    assert 0.3 < document["fitting"]["share"] < 0.9
    assert document["within_bounds"] is None


def test_the_files_that_it_names_are_the_files_that_are_made(nas: Nas, tmp_path: Path) -> None:
    before = dry_run(nas, "--out", "run")
    assert search(nas, "--out", "run").code == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(before["files"])
    made = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    assert 0.5 * made < before["bytes"] < 2.5 * made
    trial = (tmp_path / "run" / "study.journal").stat().st_size / 30
    longer = dry_run(nas, "--out", "other", "--trials", "1030")
    assert (longer["bytes"] - before["bytes"]) / 1000 == pytest.approx(trial, rel=0.3)
    after = dry_run(nas, "--out", "run")
    assert (after["goes_on"], after["done"], after["seconds"]) == (True, 30, 0)


def test_more_evaluations_and_a_slower_evaluator_take_longer(nas: Nas) -> None:
    short, long = dry_run(nas), dry_run(nas, "--trials", "3000")
    assert 0 < short["seconds"] < long["seconds"]
    assert short["seconds_known_by"] == "tried on 20 networks"
    told = dry_run(nas, "--workers", "3", evaluator="toys:TellingSeconds")
    assert told["seconds_per_evaluation"] == 60
    assert told["seconds"] == pytest.approx(30 * 60 / 3)
    assert told["workers"] == 3


def test_an_earlier_run_of_the_evaluator_tells_how_long_it_takes(
    nas: Nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = dry_run(nas, evaluator="toys:Slow")
    assert unknown["seconds"] is None
    assert unknown["seconds_known_by"].startswith("unknown")
    text = search(nas, "--dry-run", evaluator="toys:Slow").out
    assert "there is no earlier run" in text
    monkeypatch.setenv("TOY_SECONDS", "0.2")
    assert search(nas, "--trials", "4", "--out", "runs/first", evaluator="toys:Slow").code == 0
    known = dry_run(nas, "--seed", "5", evaluator="toys:Slow")
    assert known["seconds_known_by"] == "the mean of run runs/first"
    assert 0.2 <= known["seconds_per_evaluation"] < 5
    assert "workers/worker-0.log" in known["files"]


def test_bounds_are_tried_on_random_networks(nas: Nas) -> None:
    loose = dry_run(nas, "--max-params", "6M")["within_bounds"]
    tight = dry_run(nas, "--max-params", "3M")["within_bounds"]
    assert 0 < tight < loose < 1


def test_what_a_search_refuses_a_dry_run_refuses_too(nas: Nas, tmp_path: Path) -> None:
    assert search(nas, "--out", "run").code == 0
    for arguments, said in (
        (("--out", "run", "--seed", "4"), "other settings (seed 0 -> 4)"),
        (("--sampler", "tpee"), "did you mean 'tpe'"),
        (("--target-flops", "20M"), "below the smallest"),
        (("--storage", "postgresql://me:x@127.0.0.1:9/db"), "cannot open postgresql://me:***@"),
    ):
        done = search(nas, "--dry-run", *arguments)
        assert (done.code, done.out) == (2, "")
        assert len(done.err.strip().splitlines()) == 1
        assert said in done.err
