"""The picture of a search: accuracy against FLOPs, with the reference and the target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.searching.results import SearchResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

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
    flops = [a["flops"] / 1e6 for a in attrs]
    order = range(len(attrs))
    points = axes.scatter(
        flops, [a[key] * factor for a in attrs], c=order, cmap="cividis_r", s=9, linewidths=0
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
    if reference is not None and (reference.accuracy is not None or reference.score is not None):
        axes.plot(
            reference.cost.flops / 1e6,
            reference.figure * factor,
            "*",
            color=ORANGE,
            markeredgecolor="black",
            markersize=14,
            label=reference.spec.name or "reference",
        )
    _leave_out_stragglers(axes, [a[key] * factor for a in attrs])
    axes.axvline(target_flops / 1e6, color="grey", linestyle=":", label="target")
    axes.set_xlabel("FLOPs (millions of multiply-adds)")
    source = attrs[0]["source"] if attrs else ""
    axes.set_ylabel("top-1 accuracy (%)" if is_accuracy else "score")
    axes.set_title(source, fontsize=9)
    axes.legend(loc="upper left", fontsize=8, frameon=False)


def _leave_out_stragglers(axes: Axes, figures: list[float]) -> None:
    """Cut the lowest twentieth off where it would squeeze the rest into a corner."""
    if len(figures) < 40:
        return
    ordered = sorted(figures)
    low, high = ordered[len(ordered) // 20], ordered[-1]
    if high - low < 0.7 * (high - ordered[0]):
        axes.set_ylim(low, high + 0.06 * (high - low))
        axes.annotate(
            "the lowest 5 % are below this picture", (0.01, 0.01), xycoords="axes fraction", size=7
        )
