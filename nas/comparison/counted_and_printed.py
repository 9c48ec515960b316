"""Parameters and FLOPs counted here beside what the EfficientNet paper's Table 2 prints."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from nas.comparison.networks import find_compared
from nas.opaque import OpaqueNetwork
from nas.published.counterparts import COUNTERPARTS, Counterpart
from nas.published.tables import published_rows


@dataclass(frozen=True)
class Figure:
    """A count beside a print. unit: 1e6 or 1e9, the unit of `printed`, which is text as printed.

    counted is None where nothing could be counted, printed is empty where nothing is printed.
    """

    counted: int | None
    printed: str
    unit: float

    @property
    def difference(self) -> float | None:
        """The count over the print, less one; None where either is absent."""
        if self.counted is None or not self.printed:
            return None
        return self.counted / (float(self.printed) * self.unit) - 1

    @property
    def rounds_to_printed(self) -> bool | None:
        """Whether the count, rounded to the printed digits, is what is printed."""
        if self.counted is None or not self.printed:
            return None
        half = Decimal(1).scaleb(int(Decimal(self.printed).as_tuple().exponent)) / 2
        value = Decimal(self.counted) / Decimal(int(self.unit))
        return abs(value - Decimal(self.printed)) <= half


@dataclass(frozen=True)
class Line:
    """A row of Table 2. network is what was counted, empty where nothing could be."""

    group: str
    model: str
    network: str
    resolution_px: int | None
    params: Figure
    flops: Figure
    remark: str


def lines() -> list[Line]:
    """Every row of Table 2, in print order. Raises: NasError where a library is absent."""
    return [_line(row, COUNTERPARTS[row["model"]]) for row in published_rows("table2_comparisons")]


def _line(row: dict[str, str], counterpart: Counterpart) -> Line:
    network, name = counterpart.network, ""
    px: int | None = None
    params: int | None = None
    flops: int | None = None
    if isinstance(network, OpaqueNetwork):
        # Counted now, not from the kept figures.
        counted = network.count(resolution=counterpart.resolution_px)
        name, params, flops = (
            f"{network.name}, by torchvision's class",
            counted.params,
            counted.flops,
        )
        px = counterpart.resolution_px or network.resolution
    elif network is not None:
        found = find_compared(network, resolution=counterpart.resolution_px)
        name, params, flops, px = found.name, found.params, found.flops, found.resolution_px
    return Line(
        group=row["group"],
        model=row["model"],
        network=name,
        resolution_px=px,
        params=Figure(params, row["params_M"], 1e6),
        flops=Figure(flops, row["flops_B"], 1e9),
        remark=counterpart.remark,
    )


COLUMNS = (
    "group",
    "model",
    "network",
    "resolution_px",
    "params_counted",
    "params_printed_M",
    "params_difference",
    "params_rounds_to_printed",
    "flops_counted",
    "flops_printed_B",
    "flops_difference",
    "flops_rounds_to_printed",
    "remark",
)
"""Columns of the CSV. Differences are the count over the print, less one."""


def csv_text(table: Sequence[Line]) -> str:
    """The lines as CSV with a header."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in table:
        figures = [
            cell
            for figure in (line.params, line.flops)
            for cell in (
                figure.counted,
                figure.printed,
                None if figure.difference is None else f"{figure.difference:.5f}",
                figure.rounds_to_printed,
            )
        ]
        head = dataclasses.astuple(line)[:4]
        writer.writerow([*head, *figures, line.remark])
    return stream.getvalue()


def markdown_table(table: Sequence[Line]) -> str:
    """The lines as a Markdown table; ≠ marks a count that does not round to the print."""
    rows = [
        "| printed as | counted network | px | params | printed | | FLOPs | printed | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for line in table:
        cells = [
            line.model,
            f"`{line.network}`" if line.network else "-",
            str(line.resolution_px or "-"),
            *_cells(line.params, "M"),
            *_cells(line.flops, "B"),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def remarks(table: Sequence[Line]) -> str:
    """What is to be known of each row, as a Markdown list."""
    return "".join(f"- **{line.model}.** {line.remark}\n" for line in table if line.remark)


def _cells(figure: Figure, suffix: str) -> tuple[str, str, str]:
    counted = "-"
    if figure.counted is not None:
        value = figure.counted / figure.unit
        counted = f"{value:.2f}{suffix}" if value >= 1 else f"{value:.3f}{suffix}"
    printed = f"{figure.printed}{suffix}" if figure.printed else "-"
    if figure.difference is None:
        return counted, printed, ""
    mark = "" if figure.rounds_to_printed else " ≠"
    return counted, printed, f"{100 * figure.difference:+.1f} %{mark}"
