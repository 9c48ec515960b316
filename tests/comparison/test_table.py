"""Rows, groups and ratios; every figure says what kind it is."""

from __future__ import annotations

import csv
import dataclasses
import io

import pytest

from nas.comparison.networks import ComparedNetwork, KnownAccuracy, find_compared
from nas.comparison.rendering import COLUMNS, csv_text, documents, markdown, shown
from nas.comparison.table import Measured, Table, published_table, table_of
from nas.errors import ConfigError
from nas.latency.machine import Device
from nas.latency.measure import Latency

DEVICE = Device("cpu", "a processor", 1, "a system", (("torch", "2"),))


def named(*names: str) -> list[Measured]:
    return [Measured(find_compared(name)) for name in names]


def timed(network: ComparedNetwork, ms: float, noise: str = "") -> Measured:
    latency = Latency(
        name=network.name,
        minimum_ms=ms,
        median_ms=ms,
        spread=0.0,
        noise=noise,
        rounds=9,
        batch=1,
        clock="wall",
        layout="contiguous",
        device=DEVICE,
    )
    return Measured(network, latency)


def rows_of(table: Table) -> dict[str, dict[str, object]]:
    return {str(row["network"]): row for row in documents(table)}


def test_ratios_are_of_the_first_network_or_of_the_baseline() -> None:
    names = ("efficientnet-b0", "resnet-50")
    by_first = rows_of(table_of(named(*names)))
    assert by_first["resnet-50"]["params_ratio"] == 25_557_032 / 5_288_548
    assert by_first["resnet-50"]["flops_ratio"] == 4_089_184_256 / 385_814_752
    assert by_first["efficientnet-b0"]["flops_ratio"] == 1
    by_other = rows_of(table_of(named(*names), baseline="resnet-50"))
    assert by_other["efficientnet-b0"]["flops_ratio"] == 385_814_752 / 4_089_184_256
    with pytest.raises(ConfigError, match="did you mean 'resnet-50'"):
        table_of(named(*names), baseline="resnet-5")


def test_speed_up_is_over_the_baseline() -> None:
    first, second = (find_compared(name) for name in ("resnet-18", "resnet-34"))
    table = table_of([timed(first, 10.0), timed(second, 25.0)])
    assert rows_of(table)["resnet-34"]["speedup"] == pytest.approx(0.4)
    assert "latency measured here" in str(rows_of(table)["resnet-34"]["figures"])


def test_a_noisy_latency_is_marked_and_explained() -> None:
    table = table_of([timed(find_compared("resnet-18"), 10.0, "the halves differ by 30%")])
    headers, [(_, [cells])] = shown(table)
    assert cells[headers.index("latency")] == "~10 ms"
    assert any("too noisy to compare: the halves differ by 30%" in note for note in table.notes)
    assert documents(table)[0]["latency_noise"] == "the halves differ by 30%"


def test_columns_without_figures_are_left_out() -> None:
    headers, _ = shown(table_of(named("efficientnet-b0")))
    assert "top-1" not in headers
    assert "latency" not in headers
    assert "activations" in headers


def accurate(name: str, kind: str, source: str) -> Measured:
    known = KnownAccuracy(0.7712, None, 0.001, kind, source)
    return Measured(dataclasses.replace(find_compared(name), accuracy=known))


def test_accuracies_say_their_kind_and_warn_where_kinds_differ() -> None:
    one = accurate("resnet-18", "predicted", "predicted by a model")
    other = accurate("resnet-34", "measured here", "24 test images of d")
    table = table_of([one, other])
    rows = rows_of(table)
    assert rows["resnet-18"]["figures"] == "counted; accuracy predicted"
    assert rows["resnet-34"]["figures"] == "counted; accuracy measured here"
    assert "resnet-34: accuracy measured here on 24 test images of d" in table.notes
    assert "resnet-18: accuracy predicted by a model" in table.notes
    assert any("do not compare them" in note for note in table.notes)
    assert not any("do not compare" in note for note in table_of([other]).notes)


def test_published_rows_stand_apart_in_the_papers_groups() -> None:
    table = published_table(
        named("resnet-152", "efficientnet-b0", "resnet-50", "mobilenet-v2", "efficientnet-b1"),
        edition="v5",
    )
    assert [(group.title, group.baseline) for group in table.groups] == [
        ("similar accuracy: B0", "efficientnet-b0"),
        ("similar accuracy: B1", "efficientnet-b1"),
        ("not in the paper's Table 2", "mobilenet-v2"),
    ]
    assert [row.name for row in table.groups[1].rows] == [
        "efficientnet-b1",
        "EfficientNet-B1",
        "resnet-152",
        "ResNet-152",
    ]
    for row in table.rows:
        assert row.published == row.figures.startswith("published, Table")
        assert row.published == row.name[0].isupper()
        # What is printed is never given as counted, nor the other way round.
        assert (row.top1 is not None) == row.published
        assert (row.activations is None) == row.published
    printed = table.groups[1].rows[3]
    assert (printed.params, printed.flops_ratio, printed.latency_ms) == (60e6, 16, 554)
    assert table.groups[1].rows[2].params_ratio == 60_192_808 / 7_794_184


def test_printed_figures_are_shown_with_their_own_digits() -> None:
    text = markdown(published_table(named("efficientnet-b2"), edition="icml"))
    line = next(line for line in text.splitlines() if line.startswith("| EfficientNet-B2"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == "published, Table 2, ICML text"
    assert cells[3:9] == ["79.8 %", "94.9 %", "9.2M", "1x", "1.0B", "1x"]
    assert "1905.11946" in text


def test_the_whole_table_has_every_printed_row() -> None:
    table = published_table([], edition="v5", whole=True)
    assert len(table.rows) == 24
    assert all(row.published for row in table.rows)


def test_csv_has_what_the_documents_have() -> None:
    table = published_table(named("efficientnet-b0", "resnet-18"), edition="v5")
    read = list(csv.DictReader(io.StringIO(csv_text(table))))
    assert list(read[0]) == list(COLUMNS)
    for row, document in zip(read, documents(table), strict=True):
        for name, value in document.items():
            assert row[name] == ("" if value is None else str(value))


def test_markdown_is_a_table_for_each_group() -> None:
    text = markdown(table_of(named("resnet-18", "resnet-34")))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert "multiply-adds" in text
