"""Which run is meant where none is named: the search that was worked on last, wherever it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nas.errors import RunError
from nas.fitting.settings import run_of
from nas.runs.finding import newest_folder, newest_run, run_folders, search_folder, searches


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(file: str, second: int) -> None:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    os.utime(path, (second, second))


def test_a_search_inside_a_nas_run_is_the_newest_run_if_it_was_worked_on_last(here: Path) -> None:
    written("runs/alone/run.json", 100)
    written("runs/whole/state.json", 50)
    assert newest_run() == Path("runs/alone")
    written("runs/whole/search/run.json", 200)
    assert newest_run() == Path("runs/whole/search")
    written("runs/alone/study.journal", 300)
    assert newest_run() == Path("runs/alone")
    # A later stage, such as a training, is no work on the search; it is on the whole.
    written("runs/whole/state.json", 400)
    assert newest_run() == Path("runs/alone")
    assert newest_folder() == Path("runs/whole")
    written("runs/alone/best.json", 500)
    assert newest_folder() == Path("runs/alone")
    assert set(searches()) == {Path("runs/alone"), Path("runs/whole/search")}
    # A search that names no folder never goes on inside a `nas run`.
    assert run_folders() == [Path("runs/alone")]


def test_a_nas_run_without_a_search_is_something_to_report_and_no_search(here: Path) -> None:
    written("runs/whole/state.json", 50)
    assert newest_folder() == Path("runs/whole")
    with pytest.raises(RunError, match="no run found in runs/"):
        newest_run()
    written("runs/notes.txt", 60)
    assert newest_folder() == Path("runs/whole")


def test_the_folder_of_a_nas_run_stands_for_its_search(here: Path) -> None:
    written("runs/whole/state.json", 50)
    written("runs/whole/search/run.json", 60)
    for asked in ("runs/whole", "whole", "runs/whole/search"):
        assert search_folder(Path(asked)) == Path("runs/whole/search")
    assert run_of("runs/whole") == Path("runs/whole/search")
    assert run_of("efficientnet-b0") is None
    # Who reads a folder that is none says so.
    assert search_folder(Path("absent")) == Path("absent")
