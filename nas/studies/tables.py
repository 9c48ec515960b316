"""A study's networks as rows: for curves.csv, and for people in the shape of the paper's tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from nas.studies.curves import Curve, CurvePoint
from nas.studies.outcome import StudyOutcome
from nas.units import format_count

BASELINE = "baseline"

HEADERS = (
    "curve",
    "depth",
    "width",
    "resolution",
    "px",
    "params",
    "FLOPs",
    "nominal",
    "realised",
    "activations",
    "top-1",
    "seeds",
)


def curve_rows(outcome: StudyOutcome) -> list[dict[str, Any]]:
    """Every point of every curve: what it is, what it costs, how accurate it is.

    Accuracies are fractions; FLOPs are multiply-adds of one image. A point that lies on several
    curves is in each.
    """
    return [_row(outcome, curve, point) for curve in outcome.curves.all for point in curve.points]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same keys as CSV; None is an empty cell."""
    stream = io.StringIO()
    table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return stream.getvalue()


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [
        f"| {' | '.join(headers)} |",
        "|" + "---|" * len(headers),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def table_cells(outcome: StudyOutcome) -> list[tuple[str, ...]]:
    """The networks for people, each once: the baseline, then curve by curve."""
    seen: set[str] = set()
    rows = []
    for curve in outcome.curves.all:
        for point in curve.points:
            if point.arch.digest() in seen:
                continue
            seen.add(point.arch.digest())
            rows.append(point_cells(outcome, curve, point))
    return rows


def point_cells(outcome: StudyOutcome, curve: Curve, point: CurvePoint) -> tuple[str, ...]:
    """One network for people."""
    return (*cost_cells(curve, point), *accuracy_cells(outcome, point))


def cost_cells(curve: Curve, point: CurvePoint) -> tuple[str, ...]:
    """What a network is and costs."""
    m = point.multipliers
    return (
        BASELINE if point.nominal_ratio == 1 else curve.name,
        f"{m.depth:.4g}",
        f"{m.width:.4g}",
        f"{m.resolution:.4g}",
        str(point.arch.resolution),
        format_count(point.cost.params),
        format_count(point.cost.flops),
        f"{point.nominal_ratio:.2f}x",
        f"{point.ratio:.2f}x",
        format_count(point.cost.activations),
    )


def accuracy_cells(outcome: StudyOutcome, point: CurvePoint) -> tuple[str, str]:
    """Mean with its standard error in points, and how many seeds; "failed" where it was not."""
    reading = outcome.reading(point)
    if reading is None:
        return "failed", "0"
    return (
        f"{100 * reading.mean:.2f} ± {100 * reading.standard_error:.2f} %",
        str(len(reading.accuracies)),
    )


def _row(outcome: StudyOutcome, curve: Curve, point: CurvePoint) -> dict[str, Any]:
    reading = outcome.reading(point)
    m = point.multipliers
    return {
        "curve": curve.name,
        "scaled_by": curve.by,
        "digest": point.arch.digest(),
        "depth": m.depth,
        "width": m.width,
        "resolution": m.resolution,
        "resolution_px": point.arch.resolution,
        "layers": point.arch.depth,
        "asked_ratio": point.asked,
        "realised_ratio": point.ratio,
        "nominal_ratio": point.nominal_ratio,
        "flops": point.cost.flops,
        "params": point.cost.params,
        "activations": point.cost.activations,
        "accuracy_mean": None if reading is None else reading.mean,
        "accuracy_sd": None if reading is None else reading.sd,
        "seeds": 0 if reading is None else len(reading.accuracies),
        "standard_error": None if reading is None else reading.standard_error,
        "error": outcome.failures.get(point.arch.digest(), ""),
    }
