"""`nas report`: the files it writes, what it says, and the dashboard command that it names."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from nas.runs.records import read_run, study_name

Nas = Callable[..., Any]


@pytest.fixture
def searched(nas: Nas) -> Path:
    """A finished search, in runs/one of the working folder."""
    done = nas("search", "-t", "400M", "--trials", "12", "--out", "runs/one", "--quiet")
    assert done.code == 0, done.err
    return Path("runs/one")


def test_the_newest_run_is_reported_inside_it(nas: Nas, searched: Path) -> None:
    done = nas("report")
    assert done.code == 0, done.err
    assert done.out.startswith("Wrote runs/one/report.html (")
    assert "live: optuna-dashboard runs/one/study.journal" in done.out
    assert "left out: a family; `nas family --baseline runs/one` fills it" in done.out
    assert (searched / "report.html").read_text().startswith("<!doctype html>")
    # A report inside does not keep the run from going on.
    again = nas("search", "-t", "400M", "--trials", "14", "--out", "runs/one", "--quiet")
    assert again.code == 0, again.err


def test_output_plots_and_json(nas: Nas, searched: Path) -> None:
    done = nas("report", "one", "-o", "out/mine.html", "--plots", "out/plots", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert set(document) == {"report", "bytes", "plots", "dashboard", "absent"}
    assert document["report"] == "out/mine.html"
    assert document["bytes"] == Path("out/mine.html").stat().st_size
    names = {Path(path).name for path in document["plots"]}
    assert {"pareto.svg", "pareto.png", "best-so-far.svg", "stages.png"} <= names
    for path in map(Path, document["plots"]):
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
        else:
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert {"what", "command"} == set(document["absent"][0])


def test_two_runs_are_compared(nas: Nas, searched: Path) -> None:
    nas("search", "-t", "300M", "--trials", "8", "--out", "runs/two", "--quiet")
    done = nas("report", "--compare", "runs/one", "two", "--plots", "plots")
    assert done.code == 0, done.err
    assert "target FLOPs" in Path("comparison.html").read_text()
    assert sorted(path.name for path in Path("plots").glob("*.svg")) == [
        "best-so-far-compared.svg",
        "stages-compared.svg",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent",), "there is no folder absent; name a run folder"),
        (("runs/one", "runs/one"), "`nas report --compare` sets several side by side"),
        (("--compare", "runs/one"), "1 run is named; a comparison takes 2 to 6"),
        (("empty",), "holds no search, fit, study, family or training"),
        (("runs",), "holds 2 searches; name one of them"),
        (("runs/one", "-o", "runs/one/best.json/x.html"), "cannot write"),
    ],
)
def test_bad_input_ends_with_one_line(
    nas: Nas, searched: Path, arguments: tuple[str, ...], said: str
) -> None:
    Path("empty").mkdir()
    shutil.copytree(searched, "runs/two")
    done = nas("report", *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_without_any_run_the_command_says_how_to_make_one(nas: Nas) -> None:
    done = nas("report")
    assert done.code == 2
    assert "make one with `nas search" in done.err


@pytest.fixture
def dashboard() -> Iterator[Callable[[list[str]], str]]:
    """Start a command on a free port of this machine; returns its address."""
    processes = []

    def start(command: list[str]) -> str:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        program = Path(sys.executable).with_name(command[0])
        if not program.exists():
            pytest.skip("optuna-dashboard is not installed: install the extra `dashboard`")
        processes.append(
            subprocess.Popen(
                [program, *command[1:], "--host", "127.0.0.1", "--port", str(port)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.terminate()
        process.wait(240)


def answer(address: str) -> Any:
    """What a server says, once it has started."""
    deadline = time.monotonic() + 240
    while True:
        try:
            with urllib.request.urlopen(address, timeout=60) as response:
                return json.load(response)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_the_dashboard_opens_the_run_by_the_command_that_the_report_names(
    nas: Nas, searched: Path, dashboard: Callable[[list[str]], str]
) -> None:
    command = json.loads(nas("report", "--json").out)["dashboard"]
    assert command == "optuna-dashboard runs/one/study.journal"
    address = dashboard(shlex.split(command))
    (study,) = answer(f"{address}/api/studies")["study_summaries"]
    assert study["study_name"] == study_name(read_run(searched).config)
    found = answer(f"{address}/api/studies/{study['study_id']}?after=0")
    assert len(found["trials"]) == len((searched / "trials.csv").read_text().splitlines()) - 1
