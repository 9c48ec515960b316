"""The paper's own points, in panels of their own beside what a study measured.

Never on the same axes: theirs are ImageNet top-1 of long trainings at 224 px, so that only the
shapes can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nas.studies.published_curves import PublishedCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Look = tuple[str, str]
"""A colour and a mark."""


def draw_published(
    axes: Axes, curves: Sequence[PublishedCurve], looks: Mapping[str, Look], heading: str = ""
) -> None:
    """The published points, open marks joined by dashes, each curve in the look of ours.

    looks: by curve name. heading: in place of one that tells the table; the curves are then not
    named in a legend.
    """
    for curve in curves:
        colour, mark = looks[curve.name]
        axes.plot(
            [point.flops / 1e9 for point in curve.points],
            [100 * point.top1 for point in curve.points],
            color=colour,
            marker=mark,
            markerfacecolor="none",
            markersize=5,
            linestyle="--",
            linewidth=1,
            label=_label(curve),
        )
    axes.set_title(heading or f"published: {_origin(curves)}\nImageNet top-1", fontsize=9)
    axes.set_xlabel("FLOPs (billions)")
    if not heading:
        axes.legend(loc="best")


def start_label(depth: float, resolution: float) -> str:
    """As in the legend of the paper's Figure 4."""
    return f"d = {depth:g}, r = {resolution:g}"


def beside_words(curves: Sequence[PublishedCurve]) -> str:
    """For readers who cannot see the plot; empty where there are none."""
    if not curves:
        return ""
    parts = [f"{curve.name} from {_at(curve, 0)} to {_at(curve, -1)}" for curve in curves]
    return f" Beside it, published for ImageNet ({_origin(curves)}): {'; '.join(parts)}."


def note(curves: Sequence[PublishedCurve]) -> str:
    """What a reader must know of the panel; empty where there is none."""
    if not curves:
        return ""
    return (
        f"Open marks and dashed lines are published ({_origin(curves)}), for ImageNet and long "
        "trainings: shapes can be compared, accuracies and FLOPs cannot."
    )


def _origin(curves: Sequence[PublishedCurve]) -> str:
    """Where they are published and how they were read: "Figure 4, read off the figure"."""
    return f"{curves[0].table}, {curves[0].how}"


def _label(curve: PublishedCurve) -> str:
    first = curve.points[0]
    if first.width is None and first.depth is not None and first.resolution is not None:
        return start_label(first.depth, first.resolution)
    return curve.name


def _at(curve: PublishedCurve, place: int) -> str:
    point = curve.points[place]
    return f"{100 * point.top1:.1f} % at {point.flops / 1e9:.2g} billion"
