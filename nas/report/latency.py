"""Latencies that a folder knows: measured ones in its files, and figures that a search predicted.

A measured one is any object with `minimum_ms`, as `nas latency measure --json` prints them, in a
`latency*.json` of the folder, or a finalist that a search with a latency table measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.report.nearby import folders_in
from nas.report.searched import Searched

_UNITS = {"latency": "ms", "throughput": "images/s"}


@dataclass(frozen=True)
class LatencyRow:
    """One figure: of which network, on what, of what kind. note: what is to be known, or empty."""

    network: str
    device: str
    value: str
    kind: str
    note: str = ""


def latency_rows(folder: Path, search: Searched | None) -> list[LatencyRow]:
    """Measured latencies first. A file that cannot be read has none."""
    rows = [row for path in _files(folder) for row in _measured(path)]
    if search is not None:
        rows += _finalists(search.folder / "best.json")
    if search is not None and search.found is not None:
        rows += _predicted(search)
    return list(dict.fromkeys(rows))


def _files(folder: Path) -> Iterator[Path]:
    for place in folders_in(folder, 2):
        yield from sorted(place.glob("latency*.json"))


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _finalists(path: Path) -> Iterator[LatencyRow]:
    """What a search's result says of its finalists: a table's prediction, then the measurement."""
    document = _document(path)
    report = document.get("latency") if isinstance(document, dict) else None
    for one in report.get("finalists", ()) if isinstance(report, dict) else ():
        name = f"trial {one['trial']} ({one['role']})"
        notes = [*_noisy(one["noise"]), *([] if one["met"] else ["beyond the search's bound"])]
        for kind, note in (("predicted", ""), ("measured", "; ".join(notes))):
            for table, value in one[f"{kind}_ms"].items():
                yield LatencyRow(name, table, f"{float(value):.4g} ms", kind, note)


def _measured(path: Path) -> Iterator[LatencyRow]:
    for content in _with_minimum(_document(path)):
        try:
            batch = int(content.get("batch", 1))
            median = content.get("median_ms")
            more = "" if median is None else f" (median {float(median):.3g})"
            yield LatencyRow(
                str(content["name"]),
                f"{_device(content.get('device'))}, batch {batch}",
                f"{float(content['minimum_ms']):.3g} ms{more}",
                "measured",
                "; ".join(_noisy(content.get("noise"))),
            )
        except (KeyError, TypeError, ValueError):
            continue


def _noisy(why: Any) -> list[str]:
    return [f"noisy: {why}"] if why else []


def _with_minimum(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        if "minimum_ms" in content:
            yield content
        else:
            for value in content.values():
                yield from _with_minimum(value)
    elif isinstance(content, list):
        for value in content:
            yield from _with_minimum(value)


def _device(content: Any) -> str:
    if not isinstance(content, dict):
        return "a device that is not named"
    threads = content.get("threads", "?")
    return f"{content.get('kind', '')} on {content.get('processor', '?')}, threads {threads}"


def _predicted(search: Searched) -> Iterator[LatencyRow]:
    """The device figures that the search asked for, of the found network."""
    found = search.found
    assert found is not None
    for trial in search.judged:
        if trial.number != found.trial:
            continue
        for metric, value in sorted(trial.user_attrs.items()):
            kind, separator, device = metric.partition(":")
            if separator and kind in _UNITS:
                yield LatencyRow(
                    found.name,
                    device,
                    f"{float(value):.4g} {_UNITS[kind]}",
                    f"predicted by evaluator '{search.config.evaluator}'",
                )
