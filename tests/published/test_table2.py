"""The paper's printed Table 2 as data: whole, labelled, and consistent with itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nas.errors import NasError
from nas.published.counterparts import COUNTERPARTS, printed_name
from nas.published.table2 import Printed, table2
from nas.published.tables import TABLES, published_rows

ROWS = table2()


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_its_source(table: str) -> None:
    rows = published_rows(table)
    assert rows
    assert all("EfficientNet" in row["source"] or "digitised" in row["source"] for row in rows)


def test_an_unknown_table_or_edition_is_refused_in_one_line() -> None:
    with pytest.raises(NasError, match="did you mean 'table4_latency'"):
        published_rows("table4_latencies")
    with pytest.raises(NasError, match="no edition 'v6'"):
        table2("v6")


def test_the_editions_differ_in_accuracy_only() -> None:
    v5, icml = ROWS[0], table2("icml")[0]
    assert (v5.top1, icml.top1) == (0.771, 0.763)
    assert (v5.params, v5.flops) == (icml.params, icml.flops) == (5.3e6, 0.39e9)
    assert v5.label == "published, Table 2, v5"
    assert icml.label == "published, Table 2, ICML text"


def test_table_4s_latencies_stand_with_their_networks() -> None:
    rows = {row.model: row for row in ROWS}
    b1 = rows["EfficientNet-B1"]
    assert (b1.latency_ms, b1.speedup, b1.faster_than) == (98, 5.7, "ResNet-152")
    assert rows["ResNet-152"].latency_ms == 554
    # 554 / 98 is 5.65, and 19 / 3.1 is 6.13: the printed speed-ups.
    assert b1.speedup == pytest.approx(554 / 98, abs=0.06)
    assert b1.label == "published, Tables 2 and 4, v5"
    assert sum(row.latency_ms is not None for row in ROWS) == 4


def spread(text: str) -> tuple[float, float]:
    """The numbers that round to what is printed."""
    value = Decimal(text)
    half = Decimal(1).scaleb(int(value.as_tuple().exponent)) / 2
    return float(value - half), float(value + half)


@pytest.mark.parametrize("figure", ["params", "flops"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.model)
def test_printed_ratios_follow_from_printed_figures(row: Printed, figure: str) -> None:
    text, ratio = row.texts[figure].rstrip("MB"), row.texts[f"{figure}_ratio"]
    if not text:
        pytest.skip("not printed")
    base = next(r for r in ROWS if r.model == f"EfficientNet-{row.group}")
    if row is base:
        assert ratio == "1"
        return
    low, high = spread(text)
    base_low, base_high = spread(base.texts[figure].rstrip("MB"))
    ratio_low, ratio_high = spread(ratio)
    agrees = low / base_high <= ratio_high and high / base_low >= ratio_low
    # The one contradiction of the table, which our count sides with the ratio in.
    assert agrees == ((row.model, figure) != ("PNASNet", "flops"))


def test_every_row_has_a_counterpart_in_print_order() -> None:
    assert list(COUNTERPARTS) == [row.model for row in ROWS]
    assert all(c.network or "Neither" in c.remark for c in COUNTERPARTS.values())


@pytest.mark.parametrize(
    ("network", "printed"),
    [
        ("efficientnet-b0", "EfficientNet-B0"),
        ("torchvision:resnet50", "ResNet-50"),
        ("timm:nasnetalarge", "NASNet-A"),
        ("densenet-264", "DenseNet-264"),
        ("mobilenet-v2", None),
        ("runs/mine", None),
    ],
)
def test_a_network_finds_its_printed_row(network: str, printed: str | None) -> None:
    assert printed_name(network) == printed
