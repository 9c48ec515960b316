"""The picture of a search: accuracy against FLOPs, with the reference and the target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.searching.results import SearchResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

Point = tuple[float, float]

LOWEST = 0.05
"""The lowest so many of the networks may be left out, where they would squeeze the others."""

# Okabe and Ito's palette: told apart by colour-blind readers.
ORANGE, SKY, GREEN, BLUE, VERMILION = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"


def save_pareto(
    path: Path, trials: Sequence[FrozenTrial], result: SearchResult, target_flops: int
) -> None:
    """Write the picture as PNG, beside and then renamed."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from nas.files import write_bytes_atomic

    figure = Figure(figsize=(7.5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    draw_pareto(figure.add_subplot(), trials, result, target_flops)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=140)
    write_bytes_atomic(path, buffer.getvalue())


def draw_pareto(
    axes: Axes, trials: Sequence[FrozenTrial], result: SearchResult, target_flops: int
) -> None:
    """Judged networks, their Pareto front, the found network, the reference and the target."""
    attrs = [t.user_attrs for t in trials if not {"refused", "repeat_of"} & set(t.user_attrs)]
    attrs = [a for a in attrs if "error" not in a and "pruned" not in a]
    is_accuracy = any("accuracy" in a for a in attrs)
    key, factor = ("accuracy", 100.0) if is_accuracy else ("score", 1.0)
    judged = [(a["flops"] / 1e6, a[key] * factor) for a in attrs]
    points = axes.scatter(
        [flops for flops, _ in judged],
        [figure for _, figure in judged],
        c=range(len(judged)),
        cmap="cividis_r",
        s=9,
        linewidths=0,
    )
    axes.figure.colorbar(points, ax=axes, label="evaluation", pad=0.01)
    front = result.pareto
    axes.step(
        [c.cost.flops / 1e6 for c in front],
        [c.figure * factor for c in front],
        where="post",
        color=BLUE,
        linewidth=1.2,
        label="Pareto front",
    )
    if result.best is not None:
        best = result.best
        axes.plot(
            best.cost.flops / 1e6,
            best.figure * factor,
            "D",
            color=VERMILION,
            label="best at or below the target",
        )
    reference = result.reference
    marked = []
    if reference is not None and (reference.accuracy is not None or reference.score is not None):
        marked = [(reference.cost.flops / 1e6, reference.figure * factor)]
        axes.plot(
            *marked[0],
            "*",
            color=ORANGE,
            markeredgecolor="black",
            markersize=14,
            label=reference.spec.name or "reference",
        )
    cut = leave_out_stragglers(axes, judged, marked)
    if cut:
        note = f"{cut} networks with lower figures are left out"
        axes.annotate(note, (0.01, 0.01), xycoords="axes fraction", size=7)
    axes.axvline(target_flops / 1e6, color="grey", linestyle=":", label="target")
    axes.set_xlabel("FLOPs (millions of multiply-adds)")
    source = attrs[0]["source"] if attrs else ""
    axes.set_ylabel("top-1 accuracy (%)" if is_accuracy else "score")
    axes.set_title(source, fontsize=9)


def leave_out_stragglers(axes: Axes, judged: Sequence[Point], marked: Sequence[Point]) -> int:
    """Cut the lowest twentieth off where it would squeeze the rest; returns how many.

    Points are (FLOPs, figure) in the units of the axes; the `marked` ones stay in the picture.
    """
    ordered = sorted(figure for _, figure in judged)
    if len(ordered) < 40:
        return 0
    low, high = ordered[int(LOWEST * len(ordered))], ordered[-1]
    if high - low > 0.7 * (high - ordered[0]):
        return 0
    low = min([low, *(figure for _, figure in marked)])
    axes.set_ylim(low - 0.04 * (high - low), high + 0.1 * (high - low))
    # A straggler that is gone needs no room in the width either.
    seen = [flops for flops, figure in [*judged, *marked] if figure >= low]
    left, right = min(seen), max(seen)
    axes.set_xlim(left - 0.04 * (right - left), right + 0.04 * (right - left))
    return len(ordered) - sum(figure >= low for figure in ordered)
