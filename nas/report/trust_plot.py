"""A trust report drawn: every longer training of the found network and of its rivals."""

from __future__ import annotations

from typing import Any

from nas.report.figures import BLUE, INK, QUIET, VERMILION, Canvas, Plot, styled
from nas.units import how_many

_MARKS = {
    "top": ("D", VERMILION),
    "sample": ("o", QUIET),
    "random search": ("s", BLUE),
    "alternative": ("^", BLUE),
    "pretrained": ("v", INK),
}


@styled
def trust_plot(trust: dict[str, Any]) -> Plot | None:
    """Readings by network with their means; None where nothing was retrained."""
    networks = [one for one in trust.get("networks", ()) if one.get("readings")]
    if not networks:
        return None
    canvas = Canvas(height=0.9 + 0.32 * len(networks))
    axes = canvas.axes()
    names = [str(one["name"]) for one in networks]
    for place, one in enumerate(reversed(networks)):
        mark, colour = _MARKS.get(str(one["group"]), ("o", QUIET))
        readings = [100 * float(value) for value in one["readings"]]
        axes.plot(
            [min(readings), max(readings)], [place, place], color=colour, linewidth=1.2, alpha=0.7
        )
        axes.plot(readings, [place] * len(readings), "|", color=colour, markersize=11)
        axes.plot(
            100 * float(one["mean"]),
            place,
            mark,
            color=colour,
            markersize=8,
            label=str(one["group"]),
        )
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="y")
    length = how_many(trust["long_epochs"], "epoch")
    axes.set_xlabel(f"top-1 on search-val (%), measured, {length}")
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    canvas.figure.legend(
        once.values(), once.keys(), loc="outside upper right", ncols=len(once), title=None
    )
    means = "; ".join(f"{one['name']} {100 * float(one['mean']):.2f} %" for one in networks)
    return canvas.plot(
        "trust",
        "Longer trainings",
        f"Accuracy of each longer training (strokes) and the means (marks): {means}.",
    )
