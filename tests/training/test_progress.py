"""What a training says on stderr."""

from __future__ import annotations

import io

import pytest

from nas.training.progress import describe, time_left, training_progress
from nas.training.results import EpochReport


def report(epoch: int, top1: float | None = 0.5) -> EpochReport:
    return EpochReport(epoch, 30, 1.25, top1, 0.9, 1.0, 0.001, 100.0, 2048.4)


def test_an_epoch_in_a_few_words() -> None:
    assert describe(report(2)) == "epoch 2/30, loss 1.250, top-1 50.00 %, 2,048 images/s"
    assert describe(report(2, None)) == "epoch 2/30, loss 1.250, 2,048 images/s"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s left"), (185, "3 min 5 s left"), (7260, "2 h 1 min left")]
)
def test_time_left(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_a_pipe_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with training_progress() as (observe, observe_step):
        assert observe_step is None
        for epoch in range(1, 31):
            assert observe(report(epoch)) is False
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("2,048 images/s, 48 min 20 s left")
    assert lines[1].startswith("epoch 30/30")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with training_progress(quiet=True) as (observe, observe_step):
        assert observe(report(1)) is False
        assert observe_step is None
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        """Says that it is one."""

        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with training_progress() as (observe, observe_step):
        assert observe_step is not None
        observe_step(1, 60, 32)
        assert observe(report(1)) is False
    assert "epoch 1/30" in stream.getvalue()
    assert "images/s" in stream.getvalue()
