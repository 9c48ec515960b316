"""Networks in the triangle of depth, width and resolution, by how accurate they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.files import write_bytes_atomic
from nas.scaling.coefficients import PAPER
from nas.scaling.mixture import DIMENSIONS, Floats
from nas.units import how_many

if TYPE_CHECKING:
    from nas.fitting.outcome import FitOutcome

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])
"""All growth in depth, in width, in resolution."""


def save_ternary(path: Path, outcome: FitOutcome) -> None:
    """Write the triangle of the longest training as PNG. Raises: WriteError if it cannot."""
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    length = outcome.last
    figure = Figure(figsize=(7.2, 6.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.plot(*triangle().T, color="0.4", linewidth=1)
    region = placed(length.optimum.region)
    axes.scatter(
        region[:, 0],
        region[:, 1],
        s=14,
        color="0.9",
        marker="h",
        label="90 % region of the optimum",
    )
    chosen = list(length.networks)
    places = placed(outcome.points.shares[chosen])
    drawn = axes.scatter(
        places[:, 0],
        places[:, 1],
        c=100 * length.surface.expected,
        cmap="cividis",
        s=70,
        edgecolors="0.3",
        zorder=3,
    )
    rings = placed(outcome.points.shares[list(length.undecided)])
    axes.scatter(
        rings[:, 0],
        rings[:, 1],
        s=170,
        facecolors="none",
        edgecolors="black",
        zorder=4,
        label="may be the best",
    )
    optimum, paper = placed(np.vstack([length.optimum.shares, paper_shares(outcome)]))
    axes.scatter(
        optimum[0],
        optimum[1],
        marker="*",
        s=240,
        color="white",
        edgecolors="black",
        zorder=5,
        label="surface's optimum",
    )
    axes.scatter(
        paper[0],
        paper[1],
        marker="x",
        s=70,
        color="black",
        zorder=5,
        label="1.2, 1.1, 1.15",
    )
    for corner, name, side in zip(_CORNERS, DIMENSIONS, ((0, -14), (0, -14), (0, 8)), strict=True):
        axes.annotate(f"{name} alone", corner, xytext=side, textcoords="offset points", ha="center")
    figure.colorbar(drawn, ax=axes, shrink=0.7, label="expected accuracy at equal cost, %")
    epochs = "" if length.epochs is None else f", {how_many(length.epochs, 'epoch')}"
    baseline = outcome.points.grid.baseline
    axes.set_title(
        f"{baseline.name or 'baseline'} at {baseline.resolution} px, "
        f"{outcome.points.grid.ratio:g}x {outcome.points.grid.constraint.name}{epochs}",
        fontsize=11,
    )
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    stream = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png")
    write_bytes_atomic(path, stream.getvalue())


def paper_shares(outcome: FitOutcome) -> Floats:
    """What part of the growth each dimension has in the paper's (1.2, 1.1, 1.15)."""
    exponents = np.array(outcome.points.grid.constraint.exponents)
    growth = exponents * np.log([PAPER.alpha, PAPER.beta, PAPER.gamma])
    return np.asarray(growth / growth.sum())


def triangle() -> Floats:
    """The corners for depth, width and resolution alone, and the first again: points (4, 2)."""
    return np.vstack([_CORNERS, _CORNERS[:1]])


def placed(shares: Floats) -> Floats:
    """Shares (n, 3) as points (n, 2) of the triangle."""
    return np.asarray(shares @ _CORNERS)
