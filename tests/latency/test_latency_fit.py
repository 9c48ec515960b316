"""A scaling fit whose constraint is a table's prediction."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from latency_space import SmallSpace, simulated

from nas.errors import NasError
from nas.fitting.config import FitConfig
from nas.fitting.latency_file import FILE
from nas.fitting.run import prepare_points
from nas.latency.fitting import table_of
from nas.latency.table import LatencyTable, write_table
from nas.space import random_network


@pytest.fixture
def config(table: LatencyTable, tmp_path: Path) -> FitConfig:
    path = tmp_path / "here.json"
    write_table(path, table)
    baseline = random_network(SmallSpace(), 3)[0]
    return FitConfig(
        baseline,
        None,
        ratio=2.5,
        tolerance=0.2,
        step=None,
        constraint=f"latency:{path}",
        evaluator="fit_toys:Wide",
    )


def test_the_grid_is_of_what_the_table_predicts(
    config: FitConfig, table: LatencyTable, tmp_path: Path
) -> None:
    points = prepare_points(config, tmp_path / "fit")
    origin = table.predict(config.baseline).latency_ms
    assert len(points.networks) > 5
    for point in points.networks:
        predicted = table.predict(point.arch).latency_ms
        assert point.ratio == pytest.approx(predicted / origin)
        assert abs(point.ratio / 2.5 - 1) <= 0.2
        assert point.measured is not None
        assert not points.grid.on_edge(point)
    assert "predicted by" in points.grid.constraint.about
    record = json.loads((tmp_path / "fit" / FILE).read_text())
    assert record["device"] is None
    # No prediction is asked for twice, and each is in the file once.
    assert {len(entry["passes"]) for entry in record["networks"].values()} == {1}


def test_another_table_is_another_fit(
    config: FitConfig, work: dict[str, Any], tmp_path: Path
) -> None:
    prepare_points(config, tmp_path / "fit")
    write_table(tmp_path / "here.json", table_of(simulated(work, seed=1)))
    with pytest.raises(NasError, match=r"other settings .table "):
        prepare_points(config, tmp_path / "fit")


def test_a_batch_that_the_table_has_not_is_refused(config: FitConfig, tmp_path: Path) -> None:
    with pytest.raises(NasError, match="1 images a run, not 4"):
        prepare_points(dataclasses.replace(config, latency_batch=4), tmp_path / "fit")
    assert not (tmp_path / "fit").exists()
