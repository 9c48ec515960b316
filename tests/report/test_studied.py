"""A scaling study in a report: its curves, its sentences, its tables, finished or at work."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from page_text import page_text

from nas.report.html import page_html
from nas.report.page import gather
from nas.report.studied import read_studied
from nas.runs.state import working_process

Nas = Callable[..., None]


def journal_of(folder: Path) -> Path:
    return folder / "trainings" / "study.journal"


def kept(journal: Path, trainings: int) -> None:
    """Leave so many of the recorded trainings, as a study that is still at work has."""
    lines = journal.read_text().splitlines(keepends=True)
    head = [line for line in lines if json.loads(line)["op_code"] != 4]
    made = [line for line in lines if json.loads(line)["op_code"] == 4]
    assert len(made) > trainings
    journal.write_text("".join(head + made[:trainings]))


def test_a_study_is_told_in_the_words_of_its_summary(studied: Path) -> None:
    page = gather(studied)
    assert set(page.plots) == {"figure3", "figure8", "figure4", "stages"}
    text = page_text(page)
    document = json.loads((studied / "summary.json").read_text())
    assert any("saturate" in line for line in document["headlines"])
    assert any("±" in line and "a doubling" in line for line in document["headlines"])
    for line in document["headlines"] + document["warnings"]:
        assert line in text
    for row in document["points"]:
        assert f"{100 * row['accuracy_mean']:.2f} ±" in text
    # What the paper prints of B0, marked as such.
    assert "What the paper prints of this baseline published" in text
    assert "1.4, 1.2, 1.3 1.8B 81.1 %" in text
    assert document["command"] in text
    assert page.absent[0].what == "a search and what it found"
    assert not any(one.command.startswith("nas study") for one in page.absent)


def test_a_study_at_work_is_a_snapshot_and_is_left_alone(studied: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(studied, tmp_path / "young"))
    kept(journal_of(folder), 9)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = read_studied(folder)
    assert (found.done, found.wanted) == (9, 22)
    text = page_text(gather(folder))
    # One seed each: nothing tells luck from merit yet.
    assert "9 of 22 trainings are done (no network of the study was trained with two seeds" in text
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert working_process(folder) is None
    kept(journal_of(shutil.copytree(studied, tmp_path / "half")), 15)
    page = gather(tmp_path / "half")
    assert "15 of 22 trainings are done; its command goes on" in page_text(page)
    assert "figure3" in page.plots
    journal_of(folder).unlink()
    assert "0 of 22 trainings are done (no training is done yet)" in page_text(gather(folder))


def test_a_run_shows_the_studies_inside_it_and_beside_it_of_its_network(
    small: Path, studied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Path(shutil.copytree(small, Path("runs/mine")))
    # Of B0, which this search did not find.
    shutil.copytree(studied, Path("study-efficientnet-b0"))
    page = gather(run)
    assert page.nearby.studies == ()
    assert f"nas study scaling --baseline {run} --data DIR" in [o.command for o in page.absent]
    for name in ("study", "study-again"):
        shutil.copytree(studied, run / name)
    page = gather(run)
    assert {"best-so-far", "figure3", "study-1-figure3", "study-1-figure8"} <= set(page.plots)
    ids = re.findall(r'\bid="([^"]+)"', page_html(page))
    assert len(ids) == len(set(ids))
    assert f"the scaling study in {run / 'study'}" in [one.made for one in page.commands]


def test_the_figures_of_a_study_are_written_as_files(
    studied: Path, tmp_path: Path, nas_here: Nas
) -> None:
    page = tmp_path / "page.html"
    nas_here("report", studied, "-o", page, "--plots", tmp_path / "plots")
    assert "How it scales: the study" in page.read_text()
    for name in ("figure3", "figure4", "figure8"):
        assert (tmp_path / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "plots" / f"{name}.svg").read_text()
