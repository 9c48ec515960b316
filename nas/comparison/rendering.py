"""A comparison as text, Markdown, CSV and plain values."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from typing import Any

from nas.comparison.table import Row, Table
from nas.units import format_count

COLUMNS = (
    "group",
    "baseline",
    "network",
    "figures",
    "resolution_px",
    "top1",
    "top1_sd",
    "top5",
    "params",
    "params_ratio",
    "flops",
    "flops_ratio",
    "activations",
    "latency_ms",
    "latency_noise",
    "speedup",
)
"""Columns of the CSV, and keys of a row as plain values. top1, top1_sd and top5 are fractions."""

MISSING = "-"


def documents(table: Table) -> list[dict[str, Any]]:
    """One dictionary for each row, by `COLUMNS`."""
    return [
        dict(
            zip(
                COLUMNS,
                (
                    group.title or None,
                    group.baseline,
                    row.name,
                    row.figures,
                    row.resolution_px,
                    row.top1,
                    row.top1_sd,
                    row.top5,
                    row.params,
                    row.params_ratio,
                    row.flops,
                    row.flops_ratio,
                    row.activations,
                    row.latency_ms,
                    row.noise or None,
                    row.speedup,
                ),
                strict=True,
            )
        )
        for group in table.groups
        for row in group.rows
    ]


def csv_text(table: Table) -> str:
    """The rows as CSV with a header; what is not known is empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(documents(table))
    return stream.getvalue()


@dataclasses.dataclass(frozen=True)
class _Column:
    header: str
    cell: Callable[[Row], str]
    always: bool = False


_COLUMNS = (
    _Column("network", lambda row: row.name, True),
    _Column("figures", lambda row: row.figures, True),
    _Column("px", lambda row: _whole(row.resolution_px)),
    _Column("top-1", lambda row: _accuracy(row)),
    _Column("top-5", lambda row: _percent(row, "top5")),
    _Column("params", lambda row: _count(row, "params"), True),
    _Column("ratio", lambda row: _ratio(row, "params_ratio"), True),
    _Column("FLOPs", lambda row: _count(row, "flops"), True),
    _Column("ratio", lambda row: _ratio(row, "flops_ratio"), True),
    _Column("activations", lambda row: _count(row, "activations")),
    _Column("latency", lambda row: _latency(row)),
    _Column("speed-up", lambda row: _ratio(row, "speedup")),
)


def shown(table: Table) -> tuple[tuple[str, ...], list[tuple[str, list[tuple[str, ...]]]]]:
    """The headers, and for each group its title and cells; columns with nothing are left out."""
    columns = [
        column
        for column in _COLUMNS
        if column.always or any(column.cell(row) != MISSING for row in table.rows)
    ]
    groups = [
        (
            _title(group.title, group.baseline),
            [tuple(column.cell(row) for column in columns) for row in group.rows],
        )
        for group in table.groups
    ]
    return tuple(column.header for column in columns), groups


def markdown(table: Table) -> str:
    """The comparison as Markdown tables, one for each group, with the notes below."""
    headers, groups = shown(table)
    # Text to the left, numbers to the right.
    rule = ["---" if header in ("network", "figures") else "---:" for header in headers]
    lines: list[str] = []
    for title, rows in groups:
        lines += [f"**{title}**", ""]
        lines += [_line(headers), _line(rule), *(_line(row) for row in rows), ""]
    lines += [f"- {_escaped(note)}" for note in (*table.notes, DEFINITION)]
    return "\n".join(lines) + "\n"


DEFINITION = (
    "FLOPs are multiply-adds of convolution and linear layers for one image; activations are the "
    "outputs of convolutions"
)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _title(title: str, baseline: str | None) -> str:
    base = "" if baseline is None else f"counted ratios are over {baseline}"
    return ("; ".join(part for part in (title, base) if part)) or "as published"


def _whole(value: int | None) -> str:
    return MISSING if value is None else str(value)


def _accuracy(row: Row) -> str:
    if row.top1 is None or row.published or row.top1_sd is None:
        return _percent(row, "top1")
    return f"{100 * row.top1:.2f} ± {100 * row.top1_sd:.2f} %"


def _percent(row: Row, name: str) -> str:
    value: float | None = getattr(row, name)
    if value is None:
        return MISSING
    return f"{row.texts[name]} %" if name in row.texts else f"{100 * value:.2f} %"


def _count(row: Row, name: str) -> str:
    value: float | None = getattr(row, name)
    if value is None:
        return MISSING
    return row.texts.get(name) or format_count(value)


def _ratio(row: Row, name: str) -> str:
    value: float | None = getattr(row, name)
    if value is None:
        return MISSING
    # Two digits where they mean something: 0.53x, 4.83x, 29.8x, 101x.
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{row.texts.get(name) or f'{value:.{digits}f}'}x"


def _latency(row: Row) -> str:
    if row.latency_ms is None:
        return MISSING
    value = row.latency_ms
    return f"{'~' if row.noise else ''}{f'{value:.4g}' if value < 1000 else f'{value:,.0f}'} ms"
