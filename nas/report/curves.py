"""Best accuracy so far against evaluations, of one search or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    whole_numbers,
)
from nas.report.searched import Searched, best_so_far, judged_of
from nas.units import format_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Beyond so many, an SVG of every reading is larger than the picture of them.
MOST_MARKS = 1500
# Few readings can each be seen well.
FEW_MARKS = 60

# Lines differ in colour and in dashes.
_LINES = (
    (BLUE, "-"),
    (VERMILION, "--"),
    (GREEN, "-."),
    (ORANGE, (0, (5, 1.5))),
    (PURPLE, ":"),
    (SKY, (0, (3, 1, 1, 1))),
)
MOST_RUNS = len(_LINES)


@styled
def best_so_far_plot(searched: Searched) -> Plot | None:
    """The curve with every reading behind it; None before anything at the target is judged."""
    rises = best_so_far(searched)
    if not rises:
        return None
    factor = 100.0 if searched.is_accuracy else 1.0
    place = {trial.number: count for count, trial in enumerate(searched.paid, start=1)}
    canvas = Canvas(height=3.3)
    axes = canvas.axes()
    target = searched.config.target_flops
    within = [t for t in searched.judged if t.user_attrs["flops"] <= target]
    axes.plot(
        [place[t.number] for t in within],
        [factor * judged_of(t).value for t in within],
        ".",
        color=QUIET,
        alpha=0.55,
        markersize=4 if len(within) > FEW_MARKS else 9,
        markeredgewidth=0,
        zorder=3,
        label="a network at or below the target",
        rasterized=len(within) > MOST_MARKS,
    )
    last = len(searched.paid)
    _draw(axes, rises, last, factor, BLUE, "-", "best so far")
    beside = searched.references[0] if searched.references else None
    if beside is not None and beside.judged is not None:
        axes.axhline(
            factor * beside.judged.value,
            color=ORANGE,
            linestyle="--",
            linewidth=1.6,
            label=beside.name,
        )
    _frame(axes, searched)
    axes.set_xlim(0, max(last, 2) * 1.01)
    _see_the_top(axes, [factor * judged_of(t).value for t in within])
    canvas.legend(axes)
    best = rises[-1]
    return canvas.plot(
        "best-so-far",
        "Best so far",
        f"Best {_figure_name(searched)} at or below {format_count(target)} FLOPs after each of "
        f"{last} evaluations; it reached {_shown(best[1], searched)} at evaluation {best[0]}.",
    )


@styled
def compared_curves(runs: Sequence[Searched], names: Sequence[str]) -> Plot | None:
    """The curves of several searches; of the first few that have one."""
    if len({searched.is_accuracy for searched in runs}) > 1:
        return None
    canvas = Canvas(height=3.8)
    axes = canvas.axes()
    drawn = []
    for searched, name, (colour, dashes) in zip(runs, names, _LINES, strict=False):
        rises = best_so_far(searched)
        if not rises:
            continue
        factor = 100.0 if searched.is_accuracy else 1.0
        _draw(axes, rises, len(searched.paid), factor, colour, dashes, name)
        drawn.append(f"{name} ends at {_shown(rises[-1][1], searched)}")
    if not drawn:
        return None
    _frame(axes, runs[0])
    if len({axis_label(searched) for searched in runs}) > 1:
        axes.set_ylabel("top-1 accuracy (%)")
    axes.set_xlim(0, None)
    canvas.legend(axes)
    return canvas.plot(
        "best-so-far-compared",
        "Best so far, compared",
        f"Best figure at or below each run's target after each evaluation: {'; '.join(drawn)}.",
    )


def _draw(
    axes: Axes,
    rises: list[tuple[int, float]],
    last: int,
    factor: float,
    colour: str,
    dashes: Any,
    label: str,
) -> None:
    counts = [count for count, _ in rises] + [last]
    values = [factor * value for _, value in rises]
    axes.step(
        counts,
        [*values, values[-1]],
        where="post",
        color=colour,
        linestyle=dashes,
        label=label,
        linewidth=2,
    )


def _frame(axes: Axes, searched: Searched) -> None:
    whole_numbers(axes.xaxis)
    axes.set_xlabel("evaluations (networks judged)")
    axes.set_ylabel(axis_label(searched))


def _see_the_top(axes: Axes, values: list[float]) -> None:
    """Leave out the depths that the first random networks come from."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 10], ordered[-1]
    if high > low and low - ordered[0] > (high - low) / 2:
        axes.set_ylim(low - 0.1 * (high - low), None)


def axis_label(searched: Searched) -> str:
    """The axis of the figures that networks are ranked by, with its kind."""
    if not searched.is_accuracy:
        return "score"
    kind = judged_of(searched.judged[0]).kind if searched.judged else ""
    return "top-1 accuracy (%)" + (f", {kind}" if kind in ("predicted", "measured") else "")


def _figure_name(searched: Searched) -> str:
    return "accuracy" if searched.is_accuracy else "score"


def _shown(value: float, searched: Searched) -> str:
    return f"{100 * value:.2f} %" if searched.is_accuracy else f"{value:.5g}"
