"""What the good networks of a search share: how often each choice is taken among them and in all.

Choices are read from the trials' parameters, so any space can be shown. Names such as
"stage3.kernel" make a table of stages; others stand in rows of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.report.figures import Canvas, Plot, styled
from nas.report.searched import Searched, judged_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

LEAST_NETWORKS = 20
_TOP = 0.1
_LEAST_TOP, _MOST_TOP = 5, 50
# A choice with more values is shown in ranges.
_MOST_VALUES = 8
_STAGE = re.compile(r"(?P<place>[A-Za-z_]*\d+)\.(?P<kind>.+)")


@dataclass(frozen=True)
class Choice:
    """One parameter. place: its stage, or its own name; kind: what is chosen.

    values: as text, in order. top, all: fraction of the good, and of all, networks with each value.
    """

    place: str
    kind: str
    values: tuple[str, ...]
    top: tuple[float, ...]
    all: tuple[float, ...]


@dataclass(frozen=True)
class CommonChoices:
    """Every parameter of a search; `best` good networks are set against `networks`."""

    choices: tuple[Choice, ...]
    best: int
    networks: int

    def kinds(self) -> dict[str, list[Choice]]:
        """Kind -> its choices, stage by stage."""
        found: dict[str, list[Choice]] = {}
        for choice in self.choices:
            found.setdefault(choice.kind, []).append(choice)
        return found

    def sentences(self, most: int = 4) -> list[str]:
        """The clearest of them, in words."""
        ranked = sorted(
            (
                (top - overall, top, overall, choice, value)
                for choice in self.choices
                for value, top, overall in zip(choice.values, choice.top, choice.all, strict=True)
            ),
            key=lambda entry: -entry[0],
        )
        return [
            f"{choice.place} {choice.kind} {value}: {100 * top:.0f} % of the good networks, "
            f"{100 * overall:.0f} % of all"
            for lift, top, overall, choice, value in ranked[:most]
            if lift > 0.1
        ]


def common_choices(searched: Searched) -> CommonChoices | None:
    """None where there are too few networks at or below the target to tell."""
    judged = [t for t in searched.judged if t.params]
    target = searched.config.target_flops
    within = [t for t in judged if t.user_attrs["flops"] <= target]
    if len(judged) < LEAST_NETWORKS or len(within) < _LEAST_TOP:
        return None
    count = min(max(_LEAST_TOP, round(_TOP * len(judged))), _MOST_TOP, len(within))
    best = sorted(within, key=lambda t: (-judged_of(t).value, t.number))[:count]
    names = list(dict.fromkeys(name for trial in judged for name in trial.params))
    choices = [choice for name in names if (choice := _choice(name, best, judged)) is not None]
    return CommonChoices(tuple(choices), count, len(judged)) if choices else None


@styled
def choices_plot(common: CommonChoices) -> Plot | None:
    """A panel a kind: a column a stage, a row a value. None where no choice is of a stage."""
    kinds = {
        kind: group
        for kind, group in common.kinds().items()
        if all(_STAGE.fullmatch(f"{choice.place}.{kind}") for choice in group)
    }
    if not kinds:
        return None
    places = list(dict.fromkeys(c.place for group in kinds.values() for c in group))
    rows = {kind: _ordered({v for c in group for v in c.values}) for kind, group in kinds.items()}
    heights = [float(len(values)) for values in rows.values()]
    canvas = Canvas(height=0.7 + 0.27 * sum(heights) + 0.32 * len(heights))
    panels = canvas.rows(heights)
    for axes, (kind, group) in zip(panels, kinds.items(), strict=True):
        _panel(axes, kind, group, places, rows[kind])
    panels[0].xaxis.tick_top()
    panels[0].set_xticks(range(len(places)), places)
    return canvas.plot(
        "common-choices",
        "What the good networks share",
        f"Share of the best {common.best} networks with each choice, by stage; beside all "
        f"{common.networks}. Clearest: {'; '.join(common.sentences()) or 'nothing stands out'}.",
    )


def _panel(
    axes: Axes, kind: str, group: Sequence[Choice], places: list[str], values: list[str]
) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    scale = colormaps["PuOr"]
    for choice in group:
        column = places.index(choice.place)
        for value, top, overall in zip(choice.values, choice.top, choice.all, strict=True):
            row = values.index(value)
            lift = top - overall
            shade = scale(0.5 + 0.42 * max(-1.0, min(1.0, lift / 0.6)))
            axes.add_patch(
                Rectangle(
                    (column - 0.48, row - 0.44), 0.96, 0.88, facecolor=shade, edgecolor="none"
                )
            )
            dark = abs(lift) > 0.42
            axes.annotate(
                f"{100 * top:.0f} %",
                (column + 0.09, row),
                ha="right",
                va="center",
                fontsize=9,
                fontweight="bold" if lift > 0.1 else "normal",
                color="#ffffff" if dark else "#111111",
            )
            axes.annotate(
                f"({100 * lift:+.0f})",
                (column + 0.13, row),
                ha="left",
                va="center",
                fontsize=7.5,
                color="#ffffff" if dark else "#333333",
            )
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks(range(len(values)), values)
    axes.set_ylabel(kind, rotation=0, ha="right", va="center", fontweight="bold")
    axes.yaxis.set_label_coords(-0.065, 0.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _choice(name: str, best: Sequence[FrozenTrial], judged: Sequence[FrozenTrial]) -> Choice | None:
    """None for a choice that no network differs in."""
    seen = [t.params[name] for t in judged if name in t.params]
    if len(set(map(str, seen))) < 2:
        return None
    match = _STAGE.fullmatch(name)
    place, kind = (match["place"], match["kind"]) if match else (name, "other choices")
    label = _labels(seen)
    values = _ordered({label(value) for value in seen})
    return Choice(
        place,
        kind,
        tuple(values),
        _fractions(values, [label(t.params[name]) for t in best if name in t.params]),
        _fractions(values, [label(value) for value in seen]),
    )


def _labels(seen: Sequence[Any]) -> Any:
    """How values are written: as they are, or as ranges where there are many numbers."""
    distinct = set(map(str, seen))
    numbers = [v for v in seen if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(distinct) <= _MOST_VALUES or len(numbers) < len(seen):
        return _written
    low, high = min(numbers), max(numbers)
    step = (high - low) / 5

    def in_range(value: float) -> str:
        part = min(4, int((value - low) / step))
        return f"{low + part * step:.3g} to {low + (part + 1) * step:.3g}"

    return in_range


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ordered(values: set[str]) -> list[str]:
    def key(text: str) -> tuple[int, float, str]:
        try:
            return 0, float(text.split(" to ")[0]), text
        except ValueError:
            return 1, 0.0, text

    return sorted(values, key=key)


def _fractions(values: Sequence[str], seen: Sequence[str]) -> tuple[float, ...]:
    return tuple(seen.count(value) / max(1, len(seen)) for value in values)
