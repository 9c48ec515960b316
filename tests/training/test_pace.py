"""Saving takes a twentieth of the time at most, and a training that is interrupted is saved."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from learnable import small_spec

from nas.data.pixels import Pixels
from nas.model import build
from nas.training import loop
from nas.training.checkpoint import FILE_NAME
from nas.training.pace import SavingPace
from nas.training.recipe import load_recipe


def test_slow_saves_are_rare_and_quick_ones_are_not() -> None:
    for cost, expected in ((1.0, 6), (0.01, 100)):
        time, saved = 0.0, 0

        def save(cost: float = cost) -> None:
            nonlocal time, saved
            time += cost
            saved += 1

        pace = SavingPace(save, clock=lambda: time)  # noqa: B023 - called within this turn
        for _ in range(100):
            time += 1.0
            pace.perhaps()
        assert saved == expected
        pace.now()
        assert saved == expected + 1


def test_an_interrupted_training_is_saved_though_no_save_was_due(
    squares: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SavingPace, "perhaps", lambda pace: None)
    recipe = load_recipe("short", epochs=3, batch_size=32)

    def end(report: loop.EpochReport) -> bool:
        if report.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return False

    def train(observe: loop.Observer | None) -> loop.TrainingResult:
        network = build(small_spec(), seed=0)
        return loop.train(
            network,
            squares,
            None,
            recipe,
            resolution=16,
            seed=0,
            device="cpu",
            folder=tmp_path,
            observe=observe,
        )

    with pytest.raises(KeyboardInterrupt):
        train(end)
    assert (tmp_path / FILE_NAME).exists()
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    epochs: list[int] = []
    train(lambda report: bool(epochs.append(report.epoch)))
    assert epochs == [3]
