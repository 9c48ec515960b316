"""The page of `benchmarks.fit_validation`: tables and what they say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling_truths import UNSEEN
from nas.files import write_text_atomic

FIGURES = {
    "covered": "the region holds the optimum",
    "region": "part of the triangle in the region",
    "told": "`may be the best` has the best",
    "named": "networks in it",
    "lost": "lost by the choice",
    "lost_equal": "by the best of equal seeds",
    "lost_halving": "by the best of halving",
}
"""Of one fit, and as means over many -> heading."""


def write_page(out: Path, *, seeds: int, seed_sd: float) -> None:
    """Write the page beside the record `out`; seeds and seed_sd are those of its fits."""
    document = json.loads(out.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = document["rows"]
    lines = [
        "# Does a scaling fit keep its word?",
        "",
        "Fits of simulated truths, whose optimum is known, over the networks that `nas "
        f"fit-scaling` would train, with its halving to {seeds} seeds and its surface; a seed's "
        f"luck is {100 * seed_sd:g} points. `python -m benchmarks.fit_validation run`, then "
        "`report`; kinds of truth: `benchmarks/scaling_truths.py`. Losses are in points of "
        "accuracy, at equal cost and in the mean; rules beside ours have as many trainings.",
    ]
    for grid in dict.fromkeys(row["grid"] for row in rows):
        part = [row for row in rows if row["grid"] == grid]
        inside = "some" if part[0]["inside"] else "none"
        lines += [
            "",
            f"## {grid}: {part[0]['networks']} networks, {inside} growing in all three dimensions",
            "",
            *_table(part),
        ]
    pools = [
        _pooled([row for row in rows if row["kind"] == kind])
        for kind in dict.fromkeys(row["kind"] for row in rows)
    ]
    lines += ["", "## All grids", "", *_table(pools), "", *_words(rows, pools), ""]
    write_text_atomic(out.with_suffix(".md"), "\n".join(lines))
    print("\n".join(lines))


def _table(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"| truth | fits | {' | '.join(FIGURES.values())} |",
        "|---|---|" + "---|" * len(FIGURES),
        *(_row(row) for row in rows),
    ]


def _row(row: dict[str, Any]) -> str:
    kind = f"{row['kind']} (unseen)" if row["kind"] in UNSEEN else row["kind"]
    parts = [f"{100 * row[name]:.1f} %" for name in ("covered", "region", "told")]
    losses = [f"{100 * row[name]:.3f}" for name in ("lost", "lost_equal", "lost_halving")]
    cells = [kind, str(row["fits"]), *parts, f"{row['named']:.1f}", *losses]
    return f"| {' | '.join(cells)} |"


def _pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One row for several of equally many fits."""
    means = {name: float(np.mean([row[name] for row in rows])) for name in FIGURES}
    return {**rows[0], **means, "fits": sum(row["fits"] for row in rows)}


def _words(rows: list[dict[str, Any]], kinds: list[dict[str, Any]]) -> list[str]:
    """rows: by kind and grid. kinds: pooled over the grids."""
    every = _pooled(rows)
    error = 100 * math.sqrt(0.9 * 0.1 / rows[0]["fits"])
    sure = [
        row
        for row in rows
        if row["lost_halving"] - row["lost"] < -2 * row["lost_halving_minus_lost_sd"]
    ]
    lines = [
        f"Over all {every['fits']:,} fits the region of 90 % held the optimum in "
        f"{100 * every['covered']:.1f} %, and the named networks included the best in "
        f"{100 * every['told']:.1f} %. The choice lost {100 * every['lost']:.3f} points, the best "
        f"of equal seeds {100 * every['lost_equal']:.3f}, the best of halving by means "
        f"{100 * every['lost_halving']:.3f}.",
        "",
        f"The goal is 85 to 95 % for every kind of truth and grid. {_outside(kinds, 'kind')} "
        f"{_outside(rows, 'kind and grid')} Of {rows[0]['fits']} fits a figure is known to about "
        f"{error:.0f} points (one standard error).",
    ]
    if sure:
        named = "; ".join(f"{row['kind']}, {row['grid']}" for row in sure)
        lines.append(
            f"Halving by plain means chose better (by more than two standard errors) for {named}."
        )
    lines += [
        "",
        "The surface was chosen on truths of the kinds not marked unseen, of other seeds. An "
        "optimum inside the triangle that no network is near (bump, cone, two hills, complements) "
        "is what it can know least about; in `level` all splits are within about a tenth of a "
        "point, so that missing the best one costs nothing. "
        "[What was tried](fit_validation_tried.md).",
    ]
    return lines


def _outside(rows: list[dict[str, Any]], what: str) -> str:
    """Which are below the goal, and which are above it."""
    parts = []
    for word, out in (
        ("below it", [row for row in rows if row["covered"] < 0.85]),
        ("above it, wider than need be,", [row for row in rows if row["covered"] > 0.95]),
    ):
        named = ", ".join(
            f"{row['kind']}{'' if what == 'kind' else ' on ' + row['grid'].partition(' ')[0]} "
            f"({100 * row['covered']:.1f} %)"
            for row in out
        )
        parts.append(f"{word} are {named}" if named else f"{word} is none")
    return f"By {what}, {'; '.join(parts)}."
