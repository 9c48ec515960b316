"""Table 2 of the EfficientNet paper, with the latencies of its Table 4, as numbers with a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nas.errors import NasError
from nas.published.tables import published_rows
from nas.registry import did_you_mean

Edition = Literal["v5", "icml"]
EDITIONS: tuple[Edition, ...] = get_args(Edition)
"""v5: arXiv's last text (2020). icml: the numbers of the conference and of arXiv's first texts."""


@dataclass(frozen=True)
class Printed:
    """A row of Table 2. None: the paper prints nothing.

    group: the EfficientNet of similar accuracy that the row is compared with ("B0"). top1, top5
    are fractions; ratios are as printed, over the group's EfficientNet. latency_ms and speedup are
    Table 4's: one core of a Xeon E5-2690, batch 1; the speed-up is over `faster_than`. texts: the
    figures with the digits that are printed.
    """

    group: str
    model: str
    edition: Edition
    top1: float | None
    top5: float | None
    params: float | None
    params_ratio: float | None
    flops: float | None
    flops_ratio: float | None
    latency_ms: float | None
    speedup: float | None
    faster_than: str | None
    texts: dict[str, str]
    note: str

    @property
    def label(self) -> str:
        """Where the figures are printed: "published, Table 2, v5"."""
        tables = "Table 2" if self.latency_ms is None else "Tables 2 and 4"
        return f"published, {tables}, {self.edition if self.edition == 'v5' else 'ICML text'}"


# Table 4 sets each EfficientNet beside one other network.
_PAIRS = {"EfficientNet-B1": "ResNet-152", "EfficientNet-B7": "GPipe"}


def table2(edition: str = "v5") -> tuple[Printed, ...]:
    """The rows of Table 2, in print order.

    The editions differ in accuracies only; Table 4's rows are the same in both.
    Raises: NasError if there is no such edition.
    """
    found = next((known for known in EDITIONS if known == edition), None)
    if found is None:
        raise NasError(f"no edition '{edition}' of the tables; {did_you_mean(edition, EDITIONS)}")
    latencies = {row["model"]: row for row in published_rows("table4_latency")}
    return tuple(
        _printed(row, latencies.get(row["model"]), found)
        for row in published_rows("table2_comparisons")
    )


def _printed(row: dict[str, str], latency: dict[str, str] | None, edition: Edition) -> Printed:
    suffix = "" if edition == "v5" else "_icml"
    texts = {
        "top1": row[f"top1{suffix}"],
        "top5": row[f"top5{suffix}"],
        "params": f"{row['params_M']}M" if row["params_M"] else "",
        "params_ratio": row["params_ratio"],
        "flops": f"{row['flops_B']}B" if row["flops_B"] else "",
        "flops_ratio": row["flops_ratio"],
        "speedup": latency["speedup"] if latency else "",
    }
    model = row["model"]
    speedup = _number(latency["speedup"]) if latency else None
    seconds = _number(latency["latency_s"]) if latency else None
    return Printed(
        group=row["group"],
        model=model,
        edition=edition,
        top1=_number(texts["top1"], 0.01),
        top5=_number(texts["top5"], 0.01),
        params=_number(row["params_M"], 1e6),
        params_ratio=_number(row["params_ratio"]),
        flops=_number(row["flops_B"], 1e9),
        flops_ratio=_number(row["flops_ratio"]),
        latency_ms=None if seconds is None else 1000 * seconds,
        speedup=speedup,
        faster_than=_PAIRS.get(model) if speedup is not None else None,
        texts=texts,
        note=row["note"],
    )


def _number(text: str, unit: float = 1.0) -> float | None:
    # Twelve digits: 77.1 * 0.01 is 0.7709999999999999.
    return float(f"{float(text) * unit:.12g}") if text else None
