"""What `nas study tables` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from nas.cli.output import print_json, print_table
from nas.studies.paper import NOTES, PaperRow
from nas.studies.tables import csv_text, markdown_table
from nas.units import format_count

HEADERS = (
    "table",
    "model",
    "row",
    "depth",
    "width",
    "resolution",
    "px",
    "FLOPs published",
    "counted",
    "difference",
    "params counted",
    "top-1 published",
)
LEGEND = (
    "published: printed in the paper (read off a picture for figure3). counted: multiply-adds of "
    "convolution and linear layers of the network that the printed coefficients build here; - "
    "where the paper prints none."
)


def show_tables(rows: Sequence[PaperRow], layout: str, as_json: bool) -> None:
    """The rows as `layout` ("text", "markdown", "csv") or as JSON."""
    notes = {name: note for name, note in NOTES.items() if any(r.table == name for r in rows)}
    if as_json:
        print_json({"rows": [_document(row) for row in rows], "notes": notes})
        return
    if layout == "csv":
        click.echo(csv_text([_document(row) for row in rows]), nl=False)
        return
    said = [LEGEND, *(f"{name}: {note}" for name, note in notes.items())]
    if layout == "markdown":
        lines = markdown_table(HEADERS, [_cells(row) for row in rows])
        click.echo("\n".join([*lines, *(part for line in said for part in ("", line))]))
        return
    print_table(HEADERS, [_cells(row) for row in rows])
    for line in said:
        click.echo(line)


def _cells(row: PaperRow) -> tuple[str, ...]:
    asked = ("-",) * 3 if row.coefficients is None else tuple(f"{c:g}" for c in row.coefficients)
    counted = row.counted
    difference = row.difference
    return (
        row.table,
        row.model,
        row.row,
        *asked,
        "-" if row.arch is None else str(row.arch.resolution),
        f"{row.printed_flops / 1e9:g}B",
        "-" if counted is None else format_count(counted.flops),
        "-" if difference is None else f"{100 * difference:+.1f} %",
        "-" if counted is None else format_count(counted.params),
        f"{row.printed_top1:g} %",
    )


def _document(row: PaperRow) -> dict[str, Any]:
    depth, width, resolution = row.coefficients or (None, None, None)
    return {
        "table": row.table,
        "model": row.model,
        "row": row.row,
        "depth": depth,
        "width": width,
        "resolution": resolution,
        "resolution_px": None if row.arch is None else row.arch.resolution,
        "published_flops": round(row.printed_flops),
        "counted_flops": None if row.counted is None else row.counted.flops,
        "difference": row.difference,
        "counted_params": None if row.counted is None else row.counted.params,
        "published_top1": row.printed_top1 / 100,
        "digest": None if row.arch is None else row.arch.digest(),
    }
