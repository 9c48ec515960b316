"""One measured curve of a scaling study: its marks, its line, its words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.studies.config import StudyConfig
from nas.studies.curves import Curve, CurvePoint
from nas.studies.outcome import StudyOutcome
from nas.studies.saturation import Saturation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COMPOUND = "compound"

_LINE_POINTS = 60
# Of a title, across the page.
_LETTERS = 100


def draw_measured(
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


def finish(axes: Axes, config: StudyConfig, outcome: StudyOutcome, *, half: bool) -> None:
    """Axes, title and legend of a plot of several curves; half: of the page's width."""
    axes.set_xlabel("FLOPs (millions of multiply-adds)")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_title(title(config, outcome, _LETTERS // 2 if half else _LETTERS), fontsize=9)
    axes.legend(loc="best")


def title(config: StudyConfig, outcome: StudyOutcome, letters: int = _LETTERS) -> str:
    """What was measured, and what kind of number it is, in lines of so many letters."""
    base = config.baseline
    what = f"{base.name or 'baseline'} at {base.resolution} px, {config.seeds} seeds"
    kind = outcome.source or "source not said"
    return "\n".join(part for line in (what, kind) for part in textwrap.wrap(line, letters))


def label(config: StudyConfig, curve: Curve) -> str:
    """A dimension, or compound with its coefficients."""
    if curve.by != COMPOUND:
        return curve.by
    c = config.coefficients
    return f"compound ({c.alpha:.3g}, {c.beta:.3g}, {c.gamma:.3g})"


def described(outcome: StudyOutcome, curves: Sequence[Curve], how: str) -> str:
    """For readers who cannot see the plot."""
    parts = []
    for curve in curves:
        first, *_, last = [outcome.measured(curve)[0], outcome.measured(curve)[-1]]
        parts.append(f"{curve.name} from {_at(*first)} to {_at(*last)}")
    return f"{how}, accuracy against FLOPs: {'; '.join(parts)}."


def _at(point: CurvePoint, reading: object) -> str:
    mean = getattr(reading, "mean", float("nan"))
    return f"{100 * mean:.1f} % at {point.cost.flops / 1e6:.1f} million"
