"""The points that the paper publishes of scaling a baseline, curve by curve, to stand beside ours.

Of B0: Figures 3 and 4, read off pictures, and Table 7 for Figure 8. Of MobileNetV1, MobileNetV2 and
ResNet-50: Table 3 for Figure 8. All are ImageNet top-1 after a long training: the shapes of the
curves can be compared with ours, accuracies and FLOPs cannot. Figure 8's own points were not
obtained; its largest networks are those of Table 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nas.published.tables import published_rows
from nas.spec import ArchSpec
from nas.studies.curves import width_curve_name
from nas.studies.paper import B0, PaperRow, paper_model, rebuilt

PRINTED, DIGITISED = "printed", "read off the figure"


@dataclass(frozen=True)
class PublishedPoint:
    """One network of the paper.

    depth, width, resolution: multipliers, None where it does not print them. flops: multiply-adds
    of one image. top1: ImageNet, a fraction.
    """

    depth: float | None
    width: float | None
    resolution: float | None
    flops: float
    top1: float


@dataclass(frozen=True)
class PublishedCurve:
    """A curve of the paper, in the order of its FLOPs.

    figure: which of a study's figures it belongs to. name: of the curve of ours that it stands
    beside. how: `PRINTED` or `DIGITISED`. table: where it is printed; source: where it was taken.
    """

    figure: str
    name: str
    points: tuple[PublishedPoint, ...]
    how: str
    table: str
    source: str


def published_curves(baseline: ArchSpec) -> tuple[PublishedCurve, ...]:
    """What the paper publishes of this baseline, whatever its size; empty for any other."""
    model = paper_model(baseline)
    if model is None:
        return ()
    figures = (*_figure3(), *_figure4()) if model == B0 else ()
    return (*figures, *_figure8("table7" if model == B0 else "table3", model))


def of_figure(curves: tuple[PublishedCurve, ...], figure: str) -> list[PublishedCurve]:
    """Those of one figure."""
    return [curve for curve in curves if curve.figure == figure]


def published_document(curves: tuple[PublishedCurve, ...]) -> list[dict[str, Any]]:
    """The points as plain values: the rows of published.csv."""
    return [
        {
            "figure": curve.figure,
            "curve": curve.name,
            "depth": point.depth,
            "width": point.width,
            "resolution": point.resolution,
            "published_flops": round(point.flops),
            "published_top1": point.top1,
            "data": "ImageNet",
            "how": curve.how,
            "table": curve.table,
            "source": curve.source,
        }
        for curve in curves
        for point in curve.points
    ]


def _figure3() -> Iterator[PublishedCurve]:
    rows = published_rows("figure3_single_dimension")
    for name in dict.fromkeys(row["dimension"] for row in rows):
        own = [row for row in rows if row["dimension"] == name]
        points = [
            PublishedPoint(
                **{
                    other: float(row["coef"]) if other == name else 1.0
                    for other in ("depth", "width", "resolution")
                },
                flops=float(row["flops_B_approx"]) * 1e9,
                top1=_fraction(row["top1_approx"]),
            )
            for row in own
        ]
        yield _curve("figure3", name, points, DIGITISED, "Figure 3", own[0]["source"])


def _figure4() -> Iterator[PublishedCurve]:
    rows = published_rows("figure4_width_curves")
    for start in dict.fromkeys((row["d"], row["r"]) for row in rows):
        own = [row for row in rows if (row["d"], row["r"]) == start]
        depth, resolution = map(float, start)
        points = [
            PublishedPoint(
                depth,
                None,
                resolution,
                float(row["flops_B_approx"]) * 1e9,
                _fraction(row["top1_approx"]),
            )
            for row in own
        ]
        name = width_curve_name(depth, resolution)
        yield _curve("figure4", name, points, DIGITISED, "Figure 4", own[0]["source"])


def _figure8(table: str, model: str) -> Iterator[PublishedCurve]:
    """From the baseline's row to each other one."""
    first, *others = (row for row in rebuilt(table) if row.model == model and not row.released)
    for row in others:
        points = [_printed(first), _printed(row)]
        yield _curve("figure8", row.row, points, PRINTED, f"Table {table[-1]}", row.source)


def _printed(row: PaperRow) -> PublishedPoint:
    depth, width, resolution = row.coefficients or (None, None, None)
    return PublishedPoint(depth, width, resolution, row.printed_flops, _fraction(row.printed_top1))


def _curve(
    figure: str, name: str, points: list[PublishedPoint], how: str, table: str, source: str
) -> PublishedCurve:
    ordered = tuple(sorted(points, key=lambda point: point.flops))
    return PublishedCurve(figure, name, ordered, how, table, source)


def _fraction(percent: str | float) -> float:
    # Rounded: 81.1 / 100 is 0.8109999999999999, and published.csv is for people too.
    return round(float(percent) / 100, 6)
