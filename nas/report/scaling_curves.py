"""A scaling study drawn as the paper's Figures 3, 4 and 8."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.report.figures import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    QUIET,
    SKY,
    VERMILION,
    Canvas,
    Plot,
    styled,
)
from nas.studies.config import StudyConfig
from nas.studies.curves import Curve, CurvePoint
from nas.studies.outcome import StudyOutcome
from nas.studies.saturation import Saturation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMPOUND = "compound"

# Told apart by colour and by mark.
_DRAWN = {
    "width": (BLUE, "s"),
    "depth": (GREEN, "o"),
    "resolution": (ORANGE, "^"),
    COMPOUND: (VERMILION, "D"),
}
_MORE = ((BLUE, "s"), (GREEN, "o"), (ORANGE, "^"), (VERMILION, "D"), (PURPLE, "v"), (SKY, "P"))
_LINE_POINTS = 60


def study_figures(config: StudyConfig, outcome: StudyOutcome) -> list[Plot]:
    """The figures that the study has curves for."""
    curves = [curve for curve in outcome.curves.dimensions if outcome.measured(curve)]
    single = [curve for curve in curves if curve.by != COMPOUND]
    widths = [curve for curve in outcome.curves.widths if outcome.measured(curve)]
    drawn = []
    if single:
        drawn.append(single_dimensions(config, outcome, single))
    if len(curves) > 1:
        drawn.append(side_by_side(config, outcome, curves))
    if widths:
        drawn.append(widths_side_by_side(config, outcome, widths))
    return drawn


@styled
def single_dimensions(config: StudyConfig, outcome: StudyOutcome, curves: Sequence[Curve]) -> Plot:
    """Figure 3: a panel for each dimension, every network marked with its multiplier."""
    canvas = Canvas(height=3.1)
    panels = canvas.figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for axes, curve in zip(panels, curves, strict=True):
        colour, mark = _DRAWN[curve.by]
        _draw(axes, outcome, curve, outcome.saturation, colour, mark, "")
        for point, reading in outcome.measured(curve):
            axes.annotate(
                f"{curve.by[0]} = {getattr(point.multipliers, curve.by):.3g}",
                (point.cost.flops / 1e6, 100 * reading.mean),
                xytext=(5, -11),
                textcoords="offset points",
                fontsize=7,
                color=QUIET,
            )
        axes.set_title(curve.by, fontsize=10)
        axes.set_xlabel("FLOPs (millions)")
        axes.margins(x=0.18)
    panels[0].set_ylabel("top-1 accuracy (%)")
    canvas.figure.suptitle(_title(config, outcome), fontsize=9)
    return canvas.plot(
        "figure3", "Scaling one dimension", _described(outcome, curves, "One panel each")
    )


@styled
def side_by_side(config: StudyConfig, outcome: StudyOutcome, curves: Sequence[Curve]) -> Plot:
    """Figure 8: single dimensions and compound in one plot."""
    canvas = Canvas(height=4.2)
    axes = canvas.axes()
    for curve in curves:
        colour, mark = _DRAWN[curve.by]
        _draw(axes, outcome, curve, outcome.saturation, colour, mark, _label(config, curve))
    _finish(axes, config, outcome)
    return canvas.plot(
        "figure8", "One dimension against compound", _described(outcome, curves, "In one plot")
    )


@styled
def widths_side_by_side(
    config: StudyConfig, outcome: StudyOutcome, curves: Sequence[Curve]
) -> Plot:
    """Figure 4: growing width at several depths and resolutions."""
    canvas = Canvas(height=4.2)
    axes = canvas.axes()
    for place, curve in enumerate(curves):
        colour, mark = _MORE[place % len(_MORE)]
        fixed = curve.points[0].multipliers
        label = f"d = {fixed.depth:g}, r = {fixed.resolution:g}"
        _draw(axes, outcome, curve, outcome.widths, colour, mark, label)
    _finish(axes, config, outcome)
    return canvas.plot(
        "figure4",
        "Width at several depths and resolutions",
        _described(outcome, curves, "In one plot"),
    )


def _draw(
    axes: Axes,
    outcome: StudyOutcome,
    curve: Curve,
    fitted: Saturation | None,
    colour: str,
    mark: str,
    label: str,
) -> None:
    """The measured networks with the standard error of each mean, and the fitted curve."""
    points = outcome.measured(curve)
    flops = [point.cost.flops / 1e6 for point, _ in points]
    axes.errorbar(
        flops,
        [100 * reading.mean for _, reading in points],
        yerr=[100 * reading.standard_error for _, reading in points],
        fmt=mark,
        color=colour,
        markersize=5,
        capsize=2.5,
        linewidth=1,
        label=label,
    )
    if fitted is None or curve.name not in fitted.gains:
        axes.plot(flops, [100 * reading.mean for _, reading in points], color=colour, alpha=0.5)
        return
    first = curve.points[0].cost.flops / 1e6
    reach = math.log2(fitted.gains[curve.name].last)
    ratios = [2 ** (reach * step / _LINE_POINTS) for step in range(_LINE_POINTS + 1)]
    axes.plot(
        [first * ratio for ratio in ratios],
        [100 * fitted.expected(curve.name, ratio).value for ratio in ratios],
        color=colour,
        linewidth=1.4,
    )


def _finish(axes: Axes, config: StudyConfig, outcome: StudyOutcome) -> None:
    axes.set_xlabel("FLOPs (millions of multiply-adds)")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_title(_title(config, outcome), fontsize=9)
    axes.legend(loc="best")


def _title(config: StudyConfig, outcome: StudyOutcome) -> str:
    base = config.baseline
    return f"{base.name or 'baseline'} at {base.resolution} px, {config.seeds} seeds\n" + (
        outcome.source or "source not said"
    )


def _label(config: StudyConfig, curve: Curve) -> str:
    if curve.by != COMPOUND:
        return curve.by
    c = config.coefficients
    return f"compound ({c.alpha:.3g}, {c.beta:.3g}, {c.gamma:.3g})"


def _described(outcome: StudyOutcome, curves: Sequence[Curve], how: str) -> str:
    """For readers who cannot see the plot."""
    parts = []
    for curve in curves:
        first, *_, last = [outcome.measured(curve)[0], outcome.measured(curve)[-1]]
        parts.append(f"{curve.name} from {_at(*first)} to {_at(*last)}")
    return f"{how}, accuracy against FLOPs: {'; '.join(parts)}."


def _at(point: CurvePoint, reading: object) -> str:
    mean = getattr(reading, "mean", float("nan"))
    return f"{100 * mean:.1f} % at {point.cost.flops / 1e6:.1f} million"
