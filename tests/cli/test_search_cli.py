"""`nas search` as people type it."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TOY = ("--evaluator", "toys:Toy", "--quiet")


def nas(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nas", *arguments],
        cwd=cwd,
        env=_environment(**environment),
        capture_output=True,
        text=True,
        timeout=240,
    )


def _environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **more}


def search(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return nas("search", "--target-flops", "400M", *TOY, "--trials", "20", *arguments, cwd=cwd)


def test_a_search_leaves_a_run_that_other_commands_read(tmp_path: Path) -> None:
    done = search("--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "efficientnet-b0" in done.stdout
    assert "\x1b" not in done.stdout
    names = {"best.json", "trials.csv", "pareto.png", "run.json", "study.journal", "lock"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == names
    assert (tmp_path / "run" / "pareto.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "run" / "trials.csv").open()))
    assert len(rows) >= 20
    best = json.loads((tmp_path / "run" / "best.json").read_text())["best"]
    for arch in ("run", "run/best.json"):
        cost = nas("cost", arch, "--json", cwd=tmp_path)
        assert json.loads(cost.stdout)["flops"] == best["cost"]["flops"], cost.stderr
    again = nas("score", "run/trials.csv", "--evaluator", "toys:Toy", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["judged"] == len(rows)
    scored = list(csv.DictReader((tmp_path / "run" / "trials.scored.csv").open()))
    assert all(row["accuracy"] == row["scored_accuracy"] for row in scored)


def test_json_is_one_document_with_the_documented_keys(tmp_path: Path) -> None:
    done = search("--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["evaluations"] == 20
    for name in ("best", "reference"):
        assert {"spec", "cost", "accuracy", "reward"} <= set(document[name])
        assert {"flops", "params", "activations"} <= set(document[name]["cost"])
    assert document["reference"]["cost"]["flops"] == 385_814_752
    assert document["best"]["cost"]["flops"] <= 400_000_000
    assert Path(tmp_path, document["run"], "best.json").exists()
    assert document["run"].startswith("runs/20")
    assert document["run"].endswith("mbconv-400.0M")


def test_the_same_command_shows_the_finished_run_again(tmp_path: Path) -> None:
    first = json.loads(search("--json", cwd=tmp_path).stdout)
    second = json.loads(search("--json", cwd=tmp_path).stdout)
    assert first == second
    other = json.loads(search("--json", "--seed", "3", cwd=tmp_path).stdout)
    assert other["run"] == first["run"] + "-2"


def test_a_killed_search_goes_on_to_the_undisturbed_result(tmp_path: Path) -> None:
    """Kill -9 at random moments; the end is the same, and nothing finished is evaluated again."""
    arguments = ("search", "-t", "400M", "--evaluator", "toys:Slow", "--trials", "25", "--quiet")
    whole = nas(*arguments, "--out", "whole", cwd=tmp_path, TOY_LOG="whole.log")
    assert whole.returncode == 0, whole.stderr
    generator = random.Random(4)
    kills = 0
    while kills < 40:
        process = subprocess.Popen(
            [sys.executable, "-m", "nas", *arguments, "--out", "parts"],
            cwd=tmp_path,
            env=_environment(TOY_LOG="parts.log", TOY_SECONDS="0.1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        log = tmp_path / "parts.log"
        before = log.stat().st_size if log.exists() else 0
        deadline = time.monotonic() + 240
        while process.poll() is None and (not log.exists() or log.stat().st_size == before):
            assert time.monotonic() < deadline, "no network was judged in four minutes"
            time.sleep(0.01)
        time.sleep(generator.random() * 0.5)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills >= 3
    done = nas(*arguments, "--out", "parts", cwd=tmp_path, TOY_LOG="parts.log")
    assert done.returncode == 0, done.stderr
    assert _rows(tmp_path / "parts") == _rows(tmp_path / "whole")
    paid = (tmp_path / "parts.log").read_text().split()
    # A network is paid for again only if the kill came between its end and its record.
    assert len(paid) <= 25 + kills


def _rows(run: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader((run / "trials.csv").open()))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_cleanly_and_says_how_to_go_on(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nas",
            "search",
            "-t",
            "400M",
            "--evaluator",
            "toys:Slow",
            "--out",
            "r",
        ],
        cwd=tmp_path,
        env=_environment(TOY_LOG="log", TOY_SECONDS="0.05"),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not (tmp_path / "log").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(number)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    assert "Traceback" not in errors


BAD = [
    (("--space", "mbcov"), "did you mean 'mbconv'?"),
    (("--sampler", "tpee"), "did you mean 'tpe'?"),
    (("--evaluator", "imagnet"), "did you mean 'imagenet'?"),
    (("--reward", "sotf"), "unknown reward 'sotf'"),
    (("--target-flops", "400Q"), "400Q"),
    (("--target-flops", "400"), "did you mean 400M?"),
    (("--target-flops", "2G"), "above the largest network"),
    (("--target-flops", "20M"), "below the smallest network"),
    (("--w", "0.07"), "w <= 0"),
    (("--w", "a,b"), "0,-1"),
    (("--max-latency", "pixel=3", "--evaluator", "imagenet"), "unknown device 'pixel'"),
    (("--max-latency", "a100=3", "--evaluator", "imagenet"), "--min-throughput a100="),
    (("--max-latency", "3"), "DEVICE=NUMBER"),
    (("--max-latency", "zcu102=3"), "predicts no devices"),
    (("--objectives", "accuracy,size"), "unknown objective 'size'"),
    (("--objectives", "flops,flops"), "twice"),
    (("--trials", "0"), "at least 1"),
    (("--timeout", "soon"), "15m"),
    (("--seed", "-1"), "zero or more"),
    (("--data", "images"), "--data"),
    (("--resolution", "64", "-t", "40M", "--evaluator", "imagenet"), "--data"),
    (("--storage", "nosuchdb://x"), "--storage"),
    (("--space", "ghost.nowhere:Space"), "ghost.nowhere"),
    (("--trails", "3"), "--trials"),
    (("--warm-start", "efficientnet-b3"), "not in space 'mbconv'"),
    (("--warm-start", "nowhere"), "no network 'nowhere'"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = search("--out", "run", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr
    assert not (tmp_path / "run" / "best.json").exists()


def test_a_foreign_folder_and_a_damaged_run_are_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    done = search("--out", "foreign", cwd=tmp_path)
    assert done.returncode == 2
    assert "no run.json" in done.stderr
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]

    search("--out", "run", cwd=tmp_path)
    marker = tmp_path / "run" / "run.json"
    whole = marker.read_text()
    for damaged in (whole[: len(whole) // 2], "[]", '{"kind": "search", "schema": 1}'):
        marker.write_text(damaged)
        done = search("--out", "run", cwd=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert marker.read_text() == damaged
    marker.write_text(whole.replace('"schema": 1', '"schema": 99'))
    done = search("--out", "run", cwd=tmp_path)
    assert "newer" in done.stderr
    marker.write_text(whole)
    assert search("--out", "run", cwd=tmp_path).returncode == 0


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    done = search("--out", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "is a file" in done.stderr
    below = search("--out", "run/below", cwd=tmp_path)
    assert below.returncode == 2
    assert len(below.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = search("--out", "run", cwd=tmp_path)
    tmp_path.chmod(0o700)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
