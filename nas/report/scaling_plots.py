"""A scaling fit and a family, drawn from the files that they left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nas.report.figures import BLUE, INK, ORANGE, PAPER, QUIET, VERMILION, Canvas, Plot, styled
from nas.report.nearby import FamilyTable, Fit
from nas.report.ternary import placed, triangle
from nas.scaling.coefficients import PAPER as PAPERS_COEFFICIENTS
from nas.scaling.constraints import find_constraint
from nas.scaling.mixture import DIMENSIONS
from nas.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def grid_plot(fit: Fit, name: str) -> Plot | None:
    """The networks of a finished fit in the triangle of depth, width and resolution."""
    rows = [row for row in last_length(fit) if row["expected"]]
    if not rows:
        return None
    recorded = fit.coefficients.get("constraint_exponents")
    exponents = np.array(recorded or find_constraint(fit.config.constraint).exponents)

    def place(alpha: float, beta: float, gamma: float) -> tuple[float, float] | None:
        growth = exponents * np.log([alpha, beta, gamma])
        if growth.sum() <= 0:
            return None
        x, y = placed((growth / growth.sum())[None, :])[0]
        return float(x), float(y)

    points = [
        (spot, row)
        for row in rows
        if (spot := place(*(float(row[c]) for c in ("alpha", "beta", "gamma")))) is not None
    ]
    canvas = Canvas(height=4.6)
    axes = canvas.axes()
    axes.set_aspect("equal")
    axes.set_axis_off()
    outline = triangle()
    axes.plot(*outline.T, color=QUIET, linewidth=1)
    drawn = axes.scatter(
        [spot[0] for spot, _ in points],
        [spot[1] for spot, _ in points],
        c=[100 * float(row["expected"]) for _, row in points],
        cmap="viridis",
        s=75,
        edgecolors=QUIET,
        linewidths=0.6,
        zorder=3,
    )
    rings = [spot for spot, row in points if row["may_be_best"] == "True"]
    axes.scatter(
        [x for x, _ in rings],
        [y for _, y in rings],
        s=190,
        facecolors="none",
        edgecolors=INK,
        linewidths=1.4,
        zorder=4,
        label="may be the best",
    )
    found = fit.coefficients
    optimum = place(found["alpha"], found["beta"], found["gamma"])
    if optimum is not None:
        axes.plot(
            *optimum,
            "*",
            color=VERMILION,
            markeredgecolor=PAPER,
            markersize=18,
            zorder=5,
            linestyle="",
            label="the surface's optimum",
        )
    papers = place(PAPERS_COEFFICIENTS.alpha, PAPERS_COEFFICIENTS.beta, PAPERS_COEFFICIENTS.gamma)
    assert papers is not None
    axes.plot(
        *papers,
        "X",
        color=ORANGE,
        markeredgecolor=INK,
        markersize=9,
        linestyle="",
        zorder=5,
        label="the paper's 1.2, 1.1, 1.15",
    )
    sides = ((0, -16), (0, -16), (0, 8))
    for corner, dimension, side in zip(outline[:3], DIMENSIONS, sides, strict=True):
        axes.annotate(
            f"{dimension} alone", corner, xytext=side, textcoords="offset points", ha="center"
        )
    bar = canvas.figure.colorbar(drawn, ax=axes, shrink=0.75, pad=0.02)
    bar.set_label("expected accuracy at equal cost (%)")
    bar.outline.set_visible(False)
    axes.legend(loc="upper left")
    return canvas.plot(
        name,
        "The scaling grid",
        f"{len(points)} networks in the triangle of depth, width and resolution, coloured by "
        f"expected accuracy at equal cost; {len(rings)} may be the best. The optimum is alpha "
        f"{found['alpha']:.3f}, beta {found['beta']:.3f}, gamma {found['gamma']:.3f}.",
    )


def last_length(fit: Fit) -> list[dict[str, str]]:
    """The rows of grid.csv of the longest training."""
    if not fit.rows:
        return []
    last = fit.rows[-1]["epochs"]
    return [row for row in fit.rows if row["epochs"] == last]


@styled
def family_plot(family: FamilyTable, accuracies: dict[str, float], name: str) -> Plot | None:
    """Ratios promised and realised of each member, and accuracy where members were trained.

    accuracies: member -> measured top-1, as a fraction.
    """
    rows = family.rows
    if len(rows) < 2:
        return None
    trained = [(row, accuracies[row["member"]]) for row in rows if row["member"] in accuracies]
    canvas = Canvas(height=3.2)
    both = len(trained) > 1
    axes = canvas.axes()
    if both:
        axes.plot(
            [float(row["flops"]) / 1e6 for row, _ in trained],
            [100 * accuracy for _, accuracy in trained],
            "-o",
            color=BLUE,
        )
        for row, accuracy in trained:
            axes.annotate(
                row["member"],
                (float(row["flops"]) / 1e6, 100 * accuracy),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
            )
        axes.set_xscale("log")
        # Its own labels are formulas, which this style does not set.
        axes.minorticks_off()
        flops = [float(row["flops"]) for row, _ in trained]
        axes.set_xticks([each / 1e6 for each in flops], [format_count(each) for each in flops])
        axes.set_xlabel("FLOPs (multiply-adds), counted")
        axes.set_ylabel("top-1 accuracy (%), measured")
        said = "; ".join(f"{row['member']} {100 * accuracy:.2f} %" for row, accuracy in trained)
        return canvas.plot(
            name,
            "The family",
            f"Measured accuracy of trained members: {said}.",
            note="Members that were trained here, as measured; their trainings need not be alike.",
        )
    _draw_ratios(axes, rows)
    canvas.legend(axes)
    said = "; ".join(
        f"{row['member']} {float(row['realised_ratio']):.2f} times, "
        f"{format_count(float(row['flops']))} FLOPs"
        for row in rows
    )
    return canvas.plot(
        name,
        "The family",
        f"FLOPs of each member over the baseline's, realised: {said}.",
        note="FLOPs over the baseline's: as the multipliers promise, and of the built networks, "
        "whose layers, channels and pixels are whole numbers.",
    )


def _draw_ratios(axes: Axes, rows: Sequence[dict[str, str]]) -> None:
    places = range(len(rows))
    nominal = [float(row["nominal_ratio"] or math.nan) for row in rows]
    realised = [float(row["realised_ratio"]) for row in rows]
    axes.plot(
        places,
        nominal,
        "o",
        color=ORANGE,
        markersize=9,
        markerfacecolor="none",
        markeredgewidth=1.6,
        label="nominal: what the coefficients promise",
    )
    axes.plot(
        places, realised, "D", color=BLUE, markersize=6, label="realised: of the built network"
    )
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.set_xticks(
        places,
        [
            f"{row['member']}\n{row['resolution_px']} px\n{format_count(float(row['flops']))}"
            for row in rows
        ],
    )
    axes.set_ylabel("FLOPs over the baseline's")
