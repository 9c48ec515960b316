"""Accuracy against FLOPs: every judged network, the front, the found one, known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.report.curves import FEW_MARKS, MOST_MARKS, axis_label
from nas.report.figures import BLUE, INK, ORANGE, PAPER, QUIET, VERMILION, Canvas, Plot, styled
from nas.report.labels import Labels
from nas.report.pareto import leave_out_stragglers
from nas.report.searched import Searched, judged_of
from nas.searching.results import pareto_front
from nas.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


@styled
def front_plot(searched: Searched) -> Plot | None:
    """The picture; None before anything is judged."""
    if not searched.judged:
        return None
    from matplotlib.ticker import MaxNLocator

    factor = 100.0 if searched.is_accuracy else 1.0
    canvas = Canvas(height=4.4)
    axes = canvas.axes()
    flops = [trial.user_attrs["flops"] / 1e6 for trial in searched.judged]
    figures = [factor * judged_of(trial).value for trial in searched.judged]
    points = axes.scatter(
        flops,
        figures,
        c=range(1, len(flops) + 1),
        cmap=_legible_colours(),
        s=13 if len(flops) > FEW_MARKS else 55,
        linewidths=0,
        alpha=0.85,
        rasterized=len(flops) > MOST_MARKS,
    )
    bar = canvas.figure.colorbar(
        points, ax=axes, pad=0.01, aspect=32, ticks=MaxNLocator(integer=True)
    )
    bar.set_label("evaluation, first to last")
    bar.outline.set_visible(False)
    # Room for the names of marked networks.
    axes.margins(x=0.06, y=0.12)
    front = pareto_front(searched.judged)
    axes.step(
        [t.user_attrs["flops"] / 1e6 for t in front],
        [factor * judged_of(t).value for t in front],
        where="post",
        color=BLUE,
        linewidth=1.5,
        label="Pareto front: none is better with fewer FLOPs",
    )
    target = searched.config.target_flops
    axes.axvline(target / 1e6, color=QUIET, linestyle=":", linewidth=1.4, label="target")
    marked = [(n.flops / 1e6, factor * n.judged.value) for n in searched.references if n.judged]
    cut = leave_out_stragglers(axes, list(zip(flops, figures, strict=True)), marked)
    _mark_known(axes, searched, factor)
    axes.set_xlabel("FLOPs (millions of multiply-adds), counted")
    axes.set_ylabel(axis_label(searched))
    canvas.legend(axes)
    known = ", ".join(network.name for network in searched.references) or "no known network"
    return canvas.plot(
        "pareto",
        "Accuracy against FLOPs" if searched.is_accuracy else "Score against FLOPs",
        f"{len(flops)} judged networks; the Pareto front has {len(front)}, from "
        f"{format_count(front[0].user_attrs['flops'])} to "
        f"{format_count(front[-1].user_attrs['flops'])} FLOPs. Marked: the target "
        f"{format_count(target)}, the found network, and {known}.",
        note=f"{cut} networks with lower figures are left out of the picture." if cut else "",
    )


def _legible_colours() -> Colormap:
    """Viridis without its ends, which vanish on white and on black."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    whole = colormaps["viridis"]
    shades = [whole(0.85 - 0.6 * step / 15) for step in range(16)]
    return LinearSegmentedColormap.from_list("legible", shades)


def _mark_known(axes: Axes, searched: Searched, factor: float) -> None:
    labels = Labels(axes)
    found = searched.found
    if found is not None and found.judged is not None:
        point = found.flops / 1e6, factor * found.judged.value
        axes.plot(*point, "D", color=VERMILION, markeredgecolor=PAPER, markersize=9, zorder=6)
        labels.add(found.name, point, bold=True)
    for place, network in enumerate(searched.references):
        assert network.judged is not None
        point = network.flops / 1e6, factor * network.judged.value
        axes.plot(
            *point,
            "*" if place == 0 else "s",
            color=ORANGE,
            markeredgecolor=INK,
            markersize=15 if place == 0 else 7,
            zorder=5,
        )
        labels.add(network.name, point, bold=place == 0)
