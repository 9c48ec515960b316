"""Reports of epochs: whole lines only, answers in time, nothing where nobody listens."""

from __future__ import annotations

import time
from pathlib import Path

from nas.runs.reports import ReportFolder


def test_epochs_are_read_back_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    reports = ReportFolder(tmp_path / "reports")
    reports.open()
    reports.add("ab", 1, 0.25)
    file = tmp_path / "reports" / "ab.epochs"
    file.write_text(file.read_text() + "\n2 0.3")
    reports.add("ab", 3, 1 / 3)
    assert reports.read("ab") == {1: 0.25, 3: 1 / 3}
    assert reports.digests() == ["ab"]
    reports.forget("ab")
    assert reports.read("ab") == {}


def test_an_answer_is_for_its_epoch_and_a_stop_is_for_good(tmp_path: Path) -> None:
    reports = ReportFolder(tmp_path)
    assert not reports.should_stop("ab", 1, wait=0)
    reports.answer("ab", 1, stop=False)
    assert not reports.should_stop("ab", 1)
    started = time.monotonic()
    assert not reports.should_stop("ab", 2, wait=0.1)
    assert time.monotonic() - started >= 0.1
    reports.answer("ab", 2, stop=True)
    assert reports.should_stop("ab", 2)
    assert reports.should_stop("ab", 3)


def test_where_the_folder_is_not_shared_nobody_waits(tmp_path: Path) -> None:
    reports = ReportFolder(tmp_path / "elsewhere")
    started = time.monotonic()
    reports.add("ab", 1, 0.5)
    assert not reports.should_stop("ab", 1)
    assert time.monotonic() - started < 1
    assert not (tmp_path / "elsewhere").exists()
