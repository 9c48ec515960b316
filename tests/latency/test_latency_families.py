"""Latencies of a family's members: measured here, or predicted by a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from latency_space import SmallSpace

import nas as library
from nas.latency.table import LatencyTable, write_table
from nas.space import random_network
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec

Nas = Callable[..., Any]
WORDS = ("family", "--baseline", "tiny.json", "--alpha", 1.2, "--beta", 1.1, "--gamma", 1.15)


@pytest.fixture
def tiny(tmp_path: Path) -> ArchSpec:
    arch = random_network(SmallSpace(), 3)[0]
    (tmp_path / "tiny.json").write_text(arch.to_json())
    return arch


def rows_of(folder: str) -> list[dict[str, str]]:
    with (Path(folder) / "family.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("device", ["onnxruntime", "cpu"])
def test_members_are_measured_beside_the_baseline(nas: Nas, tiny: ArchSpec, device: str) -> None:
    done = nas(*WORDS, "--phi", "0,4", "--latency", device, "--out", "family", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    said = document["latency"]
    assert (said["device"], said["threads"], said["batch"]) == (device, 1, 1)
    assert "measured here" in said["about"]
    assert "5 %" in said["noise_rule"]
    first, larger = document["members"]
    # b0 is the baseline itself, measured once.
    assert first["latency_ms"] == said["baseline_ms"]
    assert first["latency_ratio"] == 1
    assert larger["latency_ratio"] == pytest.approx(larger["latency_ms"] / said["baseline_ms"])
    for each, row in zip(document["members"], rows_of("family"), strict=True):
        assert each["latency_median_ms"] >= each["latency_ms"] > 0
        spread = each["latency_median_ms"] / each["latency_ms"] - 1
        assert each["latency_spread"] == pytest.approx(spread)
        assert float(row["latency_ms"]) == each["latency_ms"]
        assert row["latency_noise"] == each["latency_noise"]


def test_without_a_device_the_columns_are_empty(nas: Nas, tiny: ArchSpec) -> None:
    document = json.loads(nas(*WORDS, "--phi", "1", "--out", "family", "--json").out)
    assert document["latency"] is None
    assert document["members"][0]["latency_ms"] is None
    assert rows_of("family")[0]["latency_ms"] == ""


def test_a_table_predicts_the_members(nas: Nas, tiny: ArchSpec, table: LatencyTable) -> None:
    write_table(Path("here.json"), table)
    done = nas(*WORDS, "--phi", "0,1,2", "--latency", "here.json", "--out", "family")
    assert done.code == 0, done.err
    assert "predicted by here.json" in done.out
    assert "held-out networks" in done.out
    assert "of a member is by its model of layers" in done.out
    rows = rows_of("family")
    origin = table.predict(tiny).latency_ms
    assert float(rows[0]["latency_ms"]) == pytest.approx(origin)
    for row in rows:
        assert float(row["latency_ratio"]) == pytest.approx(float(row["latency_ms"]) / origin)
        assert row["latency_spread"] == row["latency_median_ms"] == ""
    members = library.family(
        "tiny.json", coefficients=(1.2, 1.1, 1.15), phis=(0, 1, 2), latency="here.json", out="api"
    )
    assert list(members.table["latency_ms"]) == [float(row["latency_ms"]) for row in rows]


def test_a_table_that_knows_nothing_of_a_block_says_so(
    nas: Nas, tiny: ArchSpec, table: LatencyTable, tmp_path: Path
) -> None:
    write_table(Path("here.json"), table)
    stages = (StageSpec("bottleneck", 16, 2, stride=2),)
    other = ArchSpec(StemSpec(8), stages, HeadSpec(None), resolution=16, classes=4, name="other")
    Path("other.json").write_text(other.to_json())
    words = ("family", "--baseline", "other.json", "--rule", "width", "--ratios", 2)
    done = nas(*words, "--latency", "here.json", "--out", "family")
    assert (done.code, len(done.err.strip().splitlines()[-1:])) == (2, 1)
    assert "has measured nothing like" in done.err
    assert not Path("family").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--latency", "tpu"), "no device 'tpu'"),
        (("--latency", "absent.json"), "cannot read the latency table"),
        (("--latency", "cpu", "--threads", 4096), "--threads is 4096"),
        (("--latency", "here.json", "--batch", 3), "1 images a run, not 3"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    nas: Nas, tiny: ArchSpec, table: LatencyTable, arguments: tuple[object, ...], said: str
) -> None:
    write_table(Path("here.json"), table)
    done = nas(*WORDS, "--phi", "1", "--out", "family", *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not Path("family").exists()
