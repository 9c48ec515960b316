"""How commands print: aligned plain tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import click


def print_json(document: Any) -> None:
    """Write one JSON document to stdout."""
    click.echo(json.dumps(document, indent=2))


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Columns aligned with two spaces between; a column of numbers is aligned to the right."""
    columns = list(zip(headers, *rows, strict=True)) if rows else [(h,) for h in headers]
    widths = [max(len(cell) for cell in column) for column in columns]
    numeric = [
        bool(column[1:]) and all(_looks_numeric(cell) for cell in column[1:]) for column in columns
    ]
    lines = []
    for row in (headers, *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> None:
    """Write `format_table` to stdout."""
    click.echo(format_table(headers, rows, indent))


# A number with an optional sign, unit and spread: "385.8M", "66.71 ± 0.40 %", "1.92x", "-".
_NUMERIC = re.compile(r"(-|[+~±]?-?[\d][\d.,e+-]*\s?[kMGTx%]?(i?B)?( ± [\d.]+)?( ?%| ms| s)?)?")


def _looks_numeric(cell: str) -> bool:
    return _NUMERIC.fullmatch(cell) is not None
