"""A study in words, as one page of Markdown."""

from __future__ import annotations

from nas.cost import network_cost
from nas.studies.config import StudyConfig
from nas.studies.gains import LEVEL, Estimate, Gains, Verdict
from nas.studies.outcome import StudyOutcome
from nas.studies.paper import printed_for
from nas.studies.saturation import Saturation
from nas.studies.tables import (
    HEADERS,
    markdown_table,
    point_cells,
    table_cells,
)
from nas.units import format_count

COMPOUND = "compound"

_WORDS: dict[Verdict, str] = {
    "saturates": "saturates",
    "slows down": "slows down, and still gains",
    "still gains": "still gains; whether less than at first cannot be told",
    "loses": "loses accuracy by growing further",
    "cannot be told": "whether it saturates cannot be told",
}


def summary(config: StudyConfig, outcome: StudyOutcome, command: str) -> str:
    """One page of Markdown."""
    lines = [f"# How {config.baseline.name or 'the baseline'} scales", "", f"`{command}`", ""]
    lines += [f"- {line}" for line in (*headlines(config, outcome), *warnings(config, outcome))]
    if outcome.curves.dimensions:
        lines += ["", "## The largest of each dimension", ""]
        lines += markdown_table(HEADERS, largest_cells(outcome))
        lines += ["", "In the shape of the paper's Table 7. `figure8.png` has the curves."]
    printed = printed_for(config.baseline)
    if printed:
        lines += ["", "## What the paper prints of this baseline", ""]
        lines += markdown_table(("row", "depth, width, resolution", "FLOPs", "top-1"), printed)
        lines += [
            "",
            "Published, for ImageNet and long trainings: not comparable figure by figure. "
            "`published.csv` has these and, of B0, the points of the paper's Figures 3 and 4 as "
            "read off the pictures; the figures show them in panels of their own.",
        ]
    lines += ["", "## Every network", "", *markdown_table(HEADERS, table_cells(outcome)), ""]
    lines += [
        "depth, width and resolution are multipliers of the baseline before rounding; nominal is "
        "depth * width^2 * resolution^2, realised the built network's FLOPs over the baseline's. "
        "FLOPs are multiply-adds of convolution and linear layers for one image. ± is the mean's "
        f"standard error from the spread over seeds, {100 * outcome.noise.sd:.2f} points, pooled "
        "over all networks. `curves.csv` has each network's own.",
        "",
    ]
    return "\n".join(lines)


def headlines(config: StudyConfig, outcome: StudyOutcome) -> list[str]:
    """What a person should know, a sentence a line."""
    base = config.baseline
    lines = [
        f"{base.name or 'The baseline'} at {base.resolution} px "
        f"({format_count(network_cost(base).flops)} FLOPs); {len(outcome.curves.networks)} "
        f"networks with {config.seeds} seeds each. Accuracy: {outcome.source or 'not said'}."
    ]
    fitted, widths = outcome.saturation, outcome.widths
    for each in (fitted, widths):
        if each is not None:
            lines += [sentence(name, gains, each.split) for name, gains in each.gains.items()]
            lines += compared(each, COMPOUND) if each is fitted else widths_compared(outcome)
    if fitted is not None or widths is not None:
        lines.append(f"± here is half of a {LEVEL:.0%} interval.")
    return lines


def sentence(name: str, gains: Gains, split: float) -> str:
    """A curve in words: "depth: +1.20 ± 0.50 points a doubling from 1 to 2 times ..."."""
    words = _WORDS[gains.verdict]
    if gains.verdict == "still gains" and gains.bend.high < 0:
        words = "still gains, and more than at first"
    return (
        f"{name}: {_points(gains.early)} points a doubling from 1 to {split:.3g} times the "
        f"FLOPs, {_points(gains.late)} from {split:.3g} to {gains.last:.3g} times: "
        f"{words}."
    )


def compared(fitted: Saturation, name: str) -> list[str]:
    """One curve beside the others at equal FLOPs; nothing where there is none to compare."""
    if name not in fitted.gains or len(fitted.gains) < 2:
        return []
    common = fitted.common
    parts = [
        _beside(fitted.difference(name, common, other, common), other)
        for other in fitted.gains
        if other != name
    ]
    return [f"At {common:.3g} times the FLOPs {name} is {'; '.join(parts)}."]


def widths_compared(outcome: StudyOutcome) -> list[str]:
    """Figure 4's claim: each width curve beside the first, at the most FLOPs that all reach."""
    fitted = outcome.widths
    if fitted is None:
        return []
    starts = {
        curve.name: curve.points[0].cost.flops
        for curve in outcome.curves.widths
        if curve.name in fitted.gains
    }
    common = min(starts[name] * gains.last for name, gains in fitted.gains.items())
    # A curve that begins beyond has nothing to compare.
    ratios = {name: common / flops for name, flops in starts.items() if flops <= common}
    first, *others = ratios
    return [
        f"At {format_count(common)} FLOPs {other} is "
        f"{_beside(fitted.difference(other, ratios[other], first, ratios[first]), first)}."
        for other in others
    ]


def warnings(config: StudyConfig, outcome: StudyOutcome) -> list[str]:
    """What limits the study."""
    found = [*outcome.remarks, *outcome.curves.notes]
    failed = list(outcome.failures)
    if failed:
        found.append(
            f"{len(failed)} of {len(outcome.curves.networks)} networks could not be trained with "
            f"every seed and are left out; the last: {outcome.failures[failed[-1]]}"
        )
    untold = [
        curve.name
        for curve, fitted in (
            *((curve, outcome.saturation) for curve in outcome.curves.dimensions),
            *((curve, outcome.widths) for curve in outcome.curves.widths),
        )
        if fitted is None or curve.name not in fitted.gains
    ]
    if untold:
        found.append(
            f"{', '.join(untold)}: too few networks to say whether growth saturates; it takes the "
            "first, two larger ones, and more --ratios"
        )
    if config.epochs is not None:
        found.append(
            f"{config.epochs} epoch{'s' if config.epochs > 1 else ''} each: short trainings "
            "favour width and resolution over depth; a longer --epochs tells whether the order "
            "holds."
        )
    return found


def largest_cells(outcome: StudyOutcome) -> list[tuple[str, ...]]:
    """The baseline and the last network of each dimension."""
    curves = outcome.curves.dimensions
    first = point_cells(outcome, curves[0], curves[0].points[0])
    return [first, *(point_cells(outcome, curve, curve.points[-1]) for curve in curves)]


def _beside(difference: Estimate, other: str) -> str:
    word = "not to be told from"
    if difference.low > 0:
        word = "above"
    elif difference.high < 0:
        word = "below"
    return f"{word} {other} ({_points(difference)} points)"


def _points(estimate: Estimate) -> str:
    return f"{100 * estimate.value:+.2f} ± {100 * estimate.half:.2f}"
