"""Latency tables that a search's bounds and objectives name: `latency:here.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from nas.errors import RunError
from nas.files import write_text_atomic
from nas.latency.table import LatencyTable, check_space, names_table, read_table
from nas.space import SearchSpace, random_network

LATENCY = "latency:"
RECORD = "latency_tables.json"


def load_tables(
    metrics: Iterable[str], space: SearchSpace, seed: int
) -> Mapping[str, LatencyTable]:
    """Metric -> table, for metrics that name a file; the others are an evaluator's devices.

    Raises: LatencyError where a file is no table, or one of another space or input.
    """
    tables: dict[str, LatencyTable] = {}
    for metric in sorted(set(metrics)):
        path = metric.removeprefix(LATENCY)
        if metric.startswith(LATENCY) and names_table(path):
            tables[metric] = read_table(Path(path))
            check_space(tables[metric], path, random_network(space, seed)[0], space.name)
    return tables


def keep_tables(folder: Path, tables: Mapping[str, LatencyTable]) -> None:
    """Record which tables a run began with, or compare them with its record.

    Raises: RunError where a table has become another: its trials would not be comparable.
    """
    if not tables:
        return
    now = {metric: _digest(table) for metric, table in tables.items()}
    path = folder / RECORD
    if not path.is_file():
        write_text_atomic(path, json.dumps(now, indent=2) + "\n")
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(f"{path} cannot be read; restore it, or start anew") from None
    for metric, digest in now.items():
        if before.get(metric) != digest:
            raise RunError(
                f"table {metric.removeprefix(LATENCY)} is not the one that run {folder} began "
                "with; restore it, or use another --out"
            )


def _digest(table: LatencyTable) -> str:
    text = json.dumps(table.to_dict(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
