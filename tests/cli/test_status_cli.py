"""`nas status`: true while a search runs, and without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
Nas = Callable[..., Any]


@pytest.fixture
def searched(nas: Nas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of 40 evaluations of which some failed, with refused networks."""
    monkeypatch.syspath_prepend(str(TESTS))
    done = nas(
        *("search", "-t", "400M", "--evaluator", "toys:FailingSometimes", "--trials", "40"),
        *("--max-params", "5M", "--sampler", "random", "--out", "runs/one", "--quiet"),
    )
    assert done.code == 0, done.err
    return tmp_path / "runs" / "one"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_finished_run_is_told_as_its_result_says(nas: Nas, searched: Path) -> None:
    before = contents(searched)
    status = json.loads(nas("status", "runs/one", "--json").out)
    best = json.loads((searched / "best.json").read_text())
    assert contents(searched) == before
    for key in ("evaluations", "refused", "repeats", "failed"):
        assert status[key] == best[key]
    assert status["refused"] > 0
    assert status["failed"] == sum(len(f["trials"]) for f in status["failures"]) > 0
    assert status["failures"][0]["reason"] == "RuntimeError: out of memory"
    assert status["best"]["trial"] == best["best"]["trial"]
    assert [t["trial"] for t in status["top"]] == [t["trial"] for t in best["top"]]
    assert [t["trial"] for t in status["pareto"]] == [t["trial"] for t in best["pareto"]]
    assert (status["state"], status["seconds_left"], status["under_way"]) == ("finished", 0, [])
    assert status["wanted"] == 40


def test_the_newest_run_is_shown_where_none_is_named(nas: Nas, searched: Path) -> None:
    done = nas("status")
    assert done.code == 0
    assert done.out.startswith("runs/one: finished")
    for part in ("evaluations: 40 of 40", "top 10", "Pareto set", "out of memory", "best so far"):
        assert part in done.out
    assert nas("status", "one").out == done.out


def test_one_trial_is_shown_in_full(nas: Nas, searched: Path) -> None:
    rows = json.loads(nas("status", "--json").out)
    number = rows["best"]["trial"]
    trial = json.loads(nas("status", "--trial", number, "--json").out)
    assert trial["digest"] == rows["best"]["digest"]
    assert trial["choices"] == rows["best"]["choices"]
    assert trial["constraints"]["params <= 5e+06"] <= 0
    text = nas("status", "--trial", number).out
    assert "constraint params <= 5e+06" in text
    assert "stage1.kernel" in text


def test_a_half_written_line_is_passed_over_and_left_alone(nas: Nas, searched: Path) -> None:
    journal = searched / "study.journal"
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    for end in (1, len(lines[-1]) // 2, len(lines[-1]) - 1):
        torn = b"".join(lines[:-1]) + lines[-1][:end]
        journal.write_bytes(torn)
        status = nas("status", "runs/one", "--json")
        assert status.code == 0, status.err
        assert json.loads(status.out)["state"].startswith("not running")
        assert journal.read_bytes() == torn
    (searched / "study.journal").unlink()
    empty = json.loads(nas("status", "runs/one", "--json").out)
    assert (empty["evaluations"], empty["best"]) == (0, None)
    assert not journal.exists()
    journal.write_bytes(b"garbage\n" * 5)
    damaged = nas("status", "runs/one")
    assert (damaged.code, damaged.out) == (2, "")
    assert "is damaged" in damaged.err


def test_a_running_search_is_seen_and_not_disturbed(tmp_path: Path) -> None:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "TOY_LOG": "log", "TOY_SECONDS": "0.6"}
    program = [sys.executable, "-m", "nas"]
    slow = ("--evaluator", "toys:Slow", "--sampler", "random", "--trials", "24", "--workers", "2")
    search = subprocess.Popen(
        [*program, "search", "-t", "400M", *slow, "--out", "run", "--quiet"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    seen = []
    deadline = time.monotonic() + 240
    while search.poll() is None:
        assert time.monotonic() < deadline
        if not (tmp_path / "run" / "run.json").exists():
            time.sleep(0.05)
            continue
        look = subprocess.run(
            [*program, "status", "run", "--json"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.append(json.loads(look.stdout))
    assert search.returncode == 0
    running = [status for status in seen if status["state"] == f"running (process {search.pid})"]
    assert running
    done = [status["evaluations"] for status in seen]
    assert done == sorted(done)
    halfway = [status for status in running if 4 <= status["evaluations"] < 24]
    assert halfway
    for status in halfway:
        # Two workers at 0.6 s each: 0.3 s an evaluation, more where the machine is busy.
        assert 0.2 < status["seconds_per_evaluation"] < 10
        left = 24 - status["evaluations"]
        assert status["seconds_left"] == pytest.approx(left * status["seconds_per_evaluation"])
        assert 0 < len(status["under_way"]) <= 2
        assert status["gpu_hours"] is not None
    assert len((tmp_path / "log").read_text().split()) == 24


def test_watching_goes_on_until_it_is_interrupted(
    nas: Nas, searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("nas.cli.status.time.sleep", pause)
    done = nas("status", "runs/one", "--watch", "7", "--json")
    assert done.code == 0
    assert pauses == [7.0] * 3
    documents = [json.loads(line) for line in done.out.splitlines() if line]
    assert len(documents) == 3


def test_a_database_is_read_by_its_url(nas: Nas, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    searching = ("search", "-t", "400M", "--trials", "6", "--sampler", "random", "--quiet")
    assert nas(*searching, "--storage", url, "--out", "run").code == 0
    by_url = json.loads(nas("status", url, "--json").out)
    by_run = json.loads(nas("status", "run", "--json").out)
    assert by_url["evaluations"] == by_run["evaluations"] == 6
    assert by_url["best"] == by_run["best"]
    assert by_url["target_flops"] == 400_000_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "there is no run nowhere"),
        (("runs/one", "--trial", "4000"), "has no trial 4000"),
        (("runs/one", "--trial", "-1"), "--trial"),
        (("--watch", "runs/one"), "is no pause"),
        (("runs/one", "--watch", "0"), "is no pause"),
        (("sqlite:///nothing.db",), "there is no file nothing.db"),
        (("nosuch://host/db",), "nosuch"),
        (("postgresql://me:secret@127.0.0.1:9/db",), "postgresql://me:***@127.0.0.1:9/db"),
    ],
)
def test_bad_input_is_one_line(
    nas: Nas, searched: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = nas("status", *arguments)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.strip().splitlines()) == 1
    assert said in done.err
    assert "secret" not in done.err


def test_no_run_at_all_says_how_to_make_one(nas: Nas) -> None:
    done = nas("status")
    assert done.code == 2
    assert "nas search" in done.err


def test_status_needs_no_torch(searched: Path) -> None:
    code = (
        "import sys, nas.cli.main as m\n"
        "try: m.main(['status', 'runs/one'])\n"
        "finally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=searched.parents[1], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "False"
