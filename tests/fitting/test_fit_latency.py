"""A constraint on latency: the grid is of what was measured, and nothing is measured twice."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latency_toys import SMALL, Imagined, sluggish_ms, true_ms

from nas.errors import NasError
from nas.fitting.config import FitConfig
from nas.fitting.latency_file import FILE, LatencyFile
from nas.fitting.latency_grid import latency_grid
from nas.fitting.points import fit_points
from nas.fitting.run import prepare_points
from nas.scaling.grid import Grid
from nas.scaling.transform import scale

TESTS = Path(__file__).resolve().parents[1]
Nas = Callable[..., Any]
WORDS = ("fit-scaling", "--baseline", "small.json", "--evaluator", "fit_toys:Wide")


def grid_of(folder: Path, device: Imagined, **settings: Any) -> Grid:
    """The grid of `SMALL` at 2 times its latency."""
    chosen = {"ratio": 2.0, "tolerance": 0.1, "step": 0.1, "resolution_multiple": 8, **settings}
    readings = LatencyFile(folder, SMALL, device)
    return latency_grid(SMALL, readings, name="latency:imagined", **chosen).grid


def within(low: float, high: float) -> set[str]:
    """Every network of the step whose true latency is so many times the baseline's."""
    numbers = [round(1 + 0.1 * step, 12) for step in range(41)]
    found = set()
    for depth, width, side in itertools.product(numbers, numbers[:21], numbers[:31]):
        arch = scale(SMALL, depth=depth, width=width, resolution=side, resolution_multiple=8)
        if low <= true_ms(arch) / true_ms(SMALL) <= high:
            found.add(arch.digest())
    return found


def test_the_grid_is_every_network_that_takes_so_long(tmp_path: Path) -> None:
    device = Imagined()
    grid = grid_of(tmp_path, device)
    expected = within(1.8, 2.2)
    assert {point.arch.digest() for point in grid.points} == expected
    assert len(expected) > 20
    assert len(device.asked) == len(set(device.asked)) < 3 * len(expected)
    for point in grid.points:
        assert point.ratio == pytest.approx(true_ms(point.arch) / true_ms(SMALL))
        assert point.measured is not None
        assert point.measured.value == pytest.approx(true_ms(point.arch))
    assert [p.ratio for p in grid.points] == sorted(p.ratio for p in grid.points)


def test_noise_moves_networks_near_an_edge_only(tmp_path: Path) -> None:
    device = Imagined(noise=0.02)
    found = {point.arch.digest() for point in grid_of(tmp_path, device).points}
    assert within(1.9, 2.1) <= found <= within(1.7, 2.3)
    counts = [device.asked.count(digest) for digest in set(device.asked)]
    assert 1 < max(counts) <= 3
    # Those that are clear of the edges are measured once.
    assert counts.count(1) > len(counts) / 2


def test_an_edge_that_stays_open_is_told(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, Imagined(noise=0.1, passes=2))
    open_ = [point for point in grid.points if grid.on_edge(point)]
    assert open_
    for point in open_:
        assert point.measured is not None
        edges = (1.8, 2.2)
        assert any(point.measured.low < edge < point.measured.high for edge in edges)


def test_what_was_measured_before_an_interruption_is_not_measured_again(tmp_path: Path) -> None:
    stopped = Imagined(stops_after=3)
    with pytest.raises(KeyboardInterrupt):
        grid_of(tmp_path, stopped)
    kept = json.loads((tmp_path / FILE).read_text())["networks"]
    assert set(kept) == set(stopped.asked)
    assert kept
    again = Imagined()
    grid = grid_of(tmp_path, again)
    assert not set(again.asked) & set(stopped.asked)
    assert {p.arch.digest() for p in grid.points} == within(1.8, 2.2)
    assert grid_of(tmp_path, Imagined(stops_after=0)).points == grid.points


def test_other_settings_machines_and_baselines_are_refused(tmp_path: Path) -> None:
    grid_of(tmp_path, Imagined())
    before = (tmp_path / FILE).read_text()
    with pytest.raises(NasError, match=r"other settings .threads 1 -> 2."):
        grid_of(tmp_path, Imagined(threads=2))
    other = dataclasses.replace(SMALL, resolution=40)
    with pytest.raises(NasError, match="of another baseline"):
        LatencyFile(tmp_path, other, Imagined())
    elsewhere = dataclasses.replace(Imagined().device, processor="another processor")
    # Everything that this needs is measured, so that it may go on anywhere.
    assert len(grid_of(tmp_path, Imagined(device=elsewhere)).points) > 5
    with pytest.raises(NasError, match=r"measured with .* an imagined processor.*this is"):
        grid_of(tmp_path, Imagined(device=elsewhere), ratio=3.0)
    assert (tmp_path / FILE).read_text() == before


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(NasError, match=r"latencies\.json") as raised:
        LatencyFile(tmp_path, SMALL, Imagined())
    assert "\n" not in str(raised.value)


def test_what_costs_no_time_is_left_as_it_is(tmp_path: Path) -> None:
    grid = grid_of(tmp_path, Imagined(sluggish_ms))
    assert grid.constraint.exponents[1] == 0
    assert grid.constraint.exponents[0] > 0.3
    assert {point.beta.low for point in grid.points} == {1.0}
    points = fit_points(grid, step=0.1, resolution_multiple=8)
    assert np.allclose(points.shares[:, 1], 0)


def test_exponents_are_those_of_the_device(tmp_path: Path) -> None:
    # Blocks alone: latency grows with depth, and with the number of pixels.
    grid = grid_of(tmp_path, Imagined(lambda arch: arch.depth * arch.resolution**2 * 1e-5))
    depth, width, side = grid.constraint.exponents
    assert (depth, width, side) == pytest.approx((1, 0, 2), abs=0.01)


def test_too_many_networks_are_refused_with_a_way_on(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="coarser --step"):
        grid_of(tmp_path, Imagined(most=70), step=0.02, tolerance=0.3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"constraint": "latency:tpu"}, "latency:FILE"),
        ({"constraint": "latency"}, "latency:cpu"),
        ({"constraint": "latencies"}, "cannot constrain 'latencies'"),
        ({"constraint": "latency:cpu", "latency_batch": 0}, "--latency-batch is 0"),
        ({"constraint": "latency:cpu", "latency_threads": 0}, "--latency-threads is 0"),
    ],
)
def test_bad_settings_are_one_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(NasError, match=said):
        FitConfig(SMALL, None, evaluator="wide", **settings)


def test_what_cannot_be_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    wide = "fit_toys:Wide"
    config = FitConfig(SMALL, None, constraint="latency:cpu", latency_threads=4096, evaluator=wide)
    with pytest.raises(NasError, match="4096"):
        prepare_points(config, tmp_path)
    config = FitConfig(SMALL, None, constraint="latency:absent.json", evaluator=wide)
    with pytest.raises(NasError, match=r"absent\.json"):
        prepare_points(config, tmp_path)
    config = FitConfig(SMALL, None, constraint="latency:cpu", evaluator=wide)
    with pytest.raises(NasError, match="takes no --typo"):
        prepare_points(dataclasses.replace(config, evaluator_options=(("typo", 1),)), tmp_path)
    assert not (tmp_path / FILE).exists()


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(SMALL.to_json())
    return path


def test_a_fit_on_latencies_that_are_really_measured(nas: Nas, baseline: Path) -> None:
    words = (*WORDS, "--constraint", "latency:onnxruntime", "--step", "0.5", "--out", "fit")
    # A wide tolerance: how long things take here and now is not what is tested.
    words = (*words, "--tolerance", "30%")
    planned = nas(*words, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    plan = json.loads(planned.out)
    assert "networks measured, about" in planned.err
    for each in plan["networks"]:
        assert 1.4 <= each["realised_ratio"] <= 2.6
        assert each["ratio_low"] <= each["realised_ratio"] * 1.001
        assert each["latency_ms"] > 0
    measured = Path("fit", FILE).read_text()
    done = nas(*words, "--json")
    assert done.code == 0, done.err
    assert "networks measured, about" not in done.err
    assert Path("fit", FILE).read_text() == measured
    document = json.loads(done.out)
    assert document["constraint"] == "latency:onnxruntime"
    assert document["constraint_exponents"] == plan["constraint_exponents"]
    growth = zip(("alpha", "beta", "gamma"), document["constraint_exponents"], strict=True)
    product = np.prod([document[name] ** power for name, power in growth])
    assert product == pytest.approx(2.0)
    with Path("fit/grid.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["digest"] for row in rows} == {each["digest"] for each in plan["networks"]}
    assert all(float(row["latency_ms"]) > 0 for row in rows)
    record = json.loads(measured)
    assert record["source"] == {"device": "onnxruntime", "threads": 1, "batch": 1}
    assert record["device"]["libraries"]["onnxruntime"]
    assert "measured beside the baseline" in Path("fit/summary.md").read_text()
    changed = nas(*words, "--latency-batch", "2")
    assert changed.code == 2
    assert "batch 1 -> 2" in changed.err


@pytest.mark.slow
def test_a_killed_fit_measures_nothing_twice(tmp_path: Path, baseline: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
    }
    words = [*WORDS, "--constraint", "latency:onnxruntime", "--step", "0.5", "--tolerance", "30%"]
    command = [sys.executable, "-m", "nas", *words, "--out", "fit", "--seeds", "2"]
    killed = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    path = tmp_path / "fit" / FILE
    deadline = time.monotonic() + 240
    while not path.exists():
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = json.loads(path.read_text())["networks"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    after = json.loads(path.read_text())["networks"]
    assert len(after) > len(before) > 0
    for digest, entry in before.items():
        assert after[digest]["passes"][: len(entry["passes"])] == entry["passes"]
    assert (tmp_path / "fit" / "coefficients.json").is_file()
