"""A scaling study drawn as the paper's Figures 3, 4 and 8, beside what the paper publishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from nas.report.measured_curves import (
    COMPOUND,
    described,
    draw_measured,
    finish,
    label,
    title,
)
from nas.report.published_curves import Look, beside_words, draw_published, note, start_label
from nas.studies.config import StudyConfig
from nas.studies.curves import Curve
from nas.studies.outcome import StudyOutcome
from nas.studies.published_curves import PublishedCurve, of_figure, published_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by colour and by mark.
_DRAWN = {
    "width": (BLUE, "s"),
    "depth": (GREEN, "o"),
    "resolution": (ORANGE, "^"),
    COMPOUND: (VERMILION, "D"),
}
_MORE = ((BLUE, "s"), (GREEN, "o"), (ORANGE, "^"), (VERMILION, "D"), (PURPLE, "v"), (SKY, "P"))


def study_figures(config: StudyConfig, outcome: StudyOutcome) -> list[Plot]:
    """The figures that the study has curves for."""
    published = published_curves(config.baseline)
    curves = [curve for curve in outcome.curves.dimensions if outcome.measured(curve)]
    single = [curve for curve in curves if curve.by != COMPOUND]
    widths = [curve for curve in outcome.curves.widths if outcome.measured(curve)]
    drawn = []
    if single:
        beside = of_figure(published, "figure3")
        drawn.append(single_dimensions(config, outcome, single, beside))
    if len(curves) > 1:
        beside = of_figure(published, "figure8")
        drawn.append(side_by_side(config, outcome, curves, beside))
    if widths:
        beside = of_figure(published, "figure4")
        drawn.append(widths_side_by_side(config, outcome, widths, beside))
    return drawn


@styled
def single_dimensions(
    config: StudyConfig,
    outcome: StudyOutcome,
    curves: Sequence[Curve],
    published: Sequence[PublishedCurve] = (),
) -> Plot:
    """Figure 3: a panel for each dimension, every network marked with its multiplier.

    published: of the same dimensions, for a second row.
    """
    known = {curve.name: curve for curve in published}
    beside = [known[curve.name] for curve in curves if curve.name in known]
    canvas = Canvas(height=5.8 if beside else 3.1)
    rows = canvas.figure.subplots(2 if beside else 1, len(curves), sharey="row", squeeze=False)
    panels = rows[0]
    for axes, curve in zip(panels, curves, strict=True):
        colour, mark = _DRAWN[curve.by]
        draw_measured(axes, outcome, curve, outcome.saturation, colour, mark, "")
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
        axes.margins(x=0.18, y=0.12)
    panels[0].set_ylabel("top-1 accuracy (%)")
    if beside:
        for axes, curve in zip(rows[1], curves, strict=True):
            if curve.name in known:
                draw_published(axes, [known[curve.name]], _DRAWN, f"published, {curve.name}")
            else:
                axes.set_visible(False)
        rows[1][0].set_ylabel("ImageNet top-1 (%)")
    canvas.figure.suptitle(title(config, outcome), fontsize=9)
    return canvas.plot(
        "figure3",
        "Scaling one dimension",
        described(outcome, curves, "One panel each") + beside_words(beside),
        note(beside),
    )


@styled
def side_by_side(
    config: StudyConfig,
    outcome: StudyOutcome,
    curves: Sequence[Curve],
    published: Sequence[PublishedCurve] = (),
) -> Plot:
    """Figure 8: single dimensions and compound in one plot. published: for a panel beside it."""
    canvas, axes = _beside_published(published, _DRAWN)
    for curve in curves:
        colour, mark = _DRAWN[curve.by]
        draw_measured(axes, outcome, curve, outcome.saturation, colour, mark, label(config, curve))
    finish(axes, config, outcome, half=bool(published))
    return canvas.plot(
        "figure8",
        "One dimension against compound",
        described(outcome, curves, "In one plot") + beside_words(published),
        note(published),
    )


@styled
def widths_side_by_side(
    config: StudyConfig,
    outcome: StudyOutcome,
    curves: Sequence[Curve],
    published: Sequence[PublishedCurve] = (),
) -> Plot:
    """Figure 4: growing width at several depths and resolutions. published: for a panel beside."""
    # A curve of the paper that was measured here looks the same in both panels.
    names = dict.fromkeys([*(curve.name for curve in curves), *(curve.name for curve in published)])
    looks = {name: _MORE[place % len(_MORE)] for place, name in enumerate(names)}
    canvas, axes = _beside_published(published, looks)
    for curve in curves:
        colour, mark = looks[curve.name]
        fixed = curve.points[0].multipliers
        start = start_label(fixed.depth, fixed.resolution)
        draw_measured(axes, outcome, curve, outcome.widths, colour, mark, start)
    finish(axes, config, outcome, half=bool(published))
    return canvas.plot(
        "figure4",
        "Width at several depths and resolutions",
        described(outcome, curves, "In one plot") + beside_words(published),
        note(published),
    )


def _beside_published(
    published: Sequence[PublishedCurve], looks: Mapping[str, Look]
) -> tuple[Canvas, Axes]:
    """A canvas and the axes for what was measured; published points in a panel on its right."""
    canvas = Canvas(height=4.2)
    if not published:
        return canvas, canvas.axes()
    axes, beside = canvas.figure.subplots(1, 2)
    draw_published(beside, published, looks)
    beside.set_ylabel("ImageNet top-1 (%)")
    return canvas, axes
