"""A fit in words, and as the content of coefficients.json."""

from __future__ import annotations

from typing import Any

from nas.fitting.config import FitConfig
from nas.fitting.outcome import FitOutcome, LengthOutcome
from nas.scaling.grid import Grid, GridPoint
from nas.scaling.mixture import DIMENSIONS

# So many of the networks that cannot be told apart are named.
_NAMED = 8


def about_coefficients(config: FitConfig, outcome: FitOutcome, command: str) -> dict[str, Any]:
    """What coefficients.json says beside alpha, beta and gamma."""
    return {
        "found_by": command,
        "baseline": config.baseline.name,
        "baseline_digest": config.baseline.digest(),
        "resolution_px": config.baseline.resolution,
        "classes": config.baseline.classes,
        "data": config.data,
        "constraint": config.constraint,
        "constraint_exponents": list(outcome.points.grid.constraint.exponents),
        "ratio": config.ratio,
        "tolerance": config.tolerance,
        "nominal_ratio": outcome.coefficients.nominal_ratio,
        "intervals": {name: list(pair) for name, pair in outcome.intervals.items()},
        "level": outcome.last.optimum.level,
        "settled": outcome.settled,
        "lengths": [_length_document(outcome, length) for length in outcome.lengths],
    }


def summary(config: FitConfig, outcome: FitOutcome, command: str) -> str:
    """One page of Markdown."""
    lines = [
        f"# How {config.baseline.name or 'the baseline'} grows",
        "",
        f"`{command}`",
        "",
        *headlines(config, outcome),
        "",
        "| epochs | networks | trainings | best network | optimum (depth, width, resolution) "
        "| may be the best | seed sd | network sd |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(outcome, length) for length in outcome.lengths),
        "",
        "Shares are parts of the growth in log cost. The best network is that of the highest "
        "expected accuracy at equal cost. seed sd and network sd are in points of accuracy. "
        "`grid.csv` has every network and `surface.png` the picture.",
        "",
    ]
    return "\n".join(lines)


def headlines(config: FitConfig, outcome: FitOutcome) -> list[str]:
    """What a person should know, a sentence a line."""
    c, last, grid = outcome.coefficients, outcome.last, outcome.points.grid
    (a_low, a_high), (b_low, b_high), (g_low, g_high) = outcome.intervals.values()
    lines = [
        f"alpha {c.alpha:.3f} [{a_low:.3f}, {a_high:.3f}], beta {c.beta:.3f} [{b_low:.3f}, "
        f"{b_high:.3f}], gamma {c.gamma:.3f} [{g_low:.3f}, {g_high:.3f}]: the surface's optimum "
        f"and its {last.optimum.level:.0%} region; nominal ratio {c.nominal_ratio:.2f}.",
        f"{len(grid.points)} distinct networks cost within {100 * grid.tolerance:g} % of "
        f"{grid.ratio:g} times the baseline's {grid.constraint.name} "
        f"({grid.constraint.text(grid.constraint.of(grid.baseline))}).",
        f"Best at equal cost: {_named(outcome, last.choice)}; highest mean: "
        f"{_named(outcome, last.argmax)}.",
    ]
    if last.tie:
        names = [_named(outcome, index) for index in last.undecided[:_NAMED]]
        more = len(last.undecided) - len(names)
        lines.append(
            f"A tie: with {last.optimum.level:.0%} probability the best is one of "
            f"{len(last.undecided)}: {'; '.join(names)}{f'; and {more} more' if more else ''}."
        )
    else:
        sure = f"{last.optimum.level:.0%}"
        lines.append(f"With {sure} probability that network is the best of the grid.")
    if grid.constraint.about:
        lines.insert(2, grid.constraint.about)
    return lines + warnings(outcome)


def warnings(outcome: FitOutcome) -> list[str]:
    """What limits the fit."""
    found = []
    constraint = outcome.points.grid.constraint
    powers = zip(DIMENSIONS, constraint.exponents, strict=True)
    free = [name for name, power in powers if not power]
    if free:
        found.append(
            f"The constraint ({constraint.name}) does not depend on "
            f"{' or '.join(free)}, which was left as it is: its coefficient is 1 for that reason."
        )
    elif outcome.points.fixed:
        found.append(
            f"No network of the grid grows in {' or '.join(outcome.points.fixed)}: its coefficient "
            "is 1 for want of anything to compare, not because 1 was found best."
        )
    elif not outcome.points.grows_in_all:
        found.append(
            "No network of the grid grows in all three dimensions: rounding leaves none at this "
            "ratio and resolution. What the surface says of the triangle's inside is extrapolated."
        )
    found += measured_warnings(outcome.points.grid)
    if outcome.points.offered is not None:
        found.append(
            f"{len(outcome.points.networks)} networks are few; --tolerance "
            f"{outcome.points.offered:.0%} would give more."
        )
    if outcome.settled is None:
        # An evaluator that knows no epochs has no other length.
        if outcome.last.epochs is not None:
            found.append(
                "One length of training: short trainings favour width and resolution over depth, "
                "so fit at two (--epochs 20,60) before relying on it."
            )
    else:
        before, after = outcome.lengths[-2], outcome.last
        verdict = (
            "which its region allows for"
            if outcome.settled
            else "out of its region: it has not settled"
        )
        found.append(
            f"From {before.epochs} to {after.epochs} epochs the optimum moved from "
            f"{_shares(before)} to {_shares(after)} (depth, width, resolution), {verdict}."
        )
    return found


def measured_warnings(grid: Grid) -> list[str]:
    """How far measured costs may be relied on; nothing where they are counted."""
    measured = [point for point in grid.points if point.measured is not None]
    edge = sum(map(grid.on_edge, measured))
    noisy = sum(1 for point in measured if point.measured is not None and point.measured.noise)
    found = []
    if edge:
        found.append(
            f"{edge} of {len(measured)} networks are at an edge of the tolerance after all passes: "
            "their range lies on both sides, and the mean ratio put them inside."
        )
    if noisy:
        found.append(
            f"The latencies of {noisy} of {len(measured)} networks are noisy (see `noise` in "
            "grid.csv): measure on a quieter machine."
        )
    return found


def _length_document(outcome: FitOutcome, length: LengthOutcome) -> dict[str, Any]:
    networks = outcome.points.networks
    return {
        "epochs": length.epochs,
        "networks": len(length.networks),
        "trainings": int(length.readings.counts.sum()),
        "seed_sd": length.surface.seed_sd,
        "network_sd": length.surface.network_sd,
        "optimum": {
            "shares": dict(zip(DIMENSIONS, map(float, length.optimum.shares), strict=True)),
            "accuracy": length.optimum.accuracy,
            "low": dict(zip(DIMENSIONS, map(float, length.optimum.low), strict=True)),
            "high": dict(zip(DIMENSIONS, map(float, length.optimum.high), strict=True)),
        },
        "argmax": point_document(networks[length.argmax]),
        "choice": point_document(networks[length.choice]),
        "tie": length.tie,
        "may_be_best": [point_document(networks[index]) for index in length.undecided],
    }


def point_document(point: GridPoint) -> dict[str, Any]:
    """A network of the grid as plain values: what it is, how it grows, what it costs."""
    c = point.coefficients
    return {
        "digest": point.arch.digest(),
        "alpha": c.alpha,
        "beta": c.beta,
        "gamma": c.gamma,
        "resolution_px": point.arch.resolution,
        "realised_ratio": point.ratio,
    }


def _row(outcome: FitOutcome, length: LengthOutcome) -> str:
    surface = length.surface
    return (
        f"| {length.epochs or '-'} | {len(length.networks)} | {int(length.readings.counts.sum())} "
        f"| {_named(outcome, length.choice)} | {_shares(length)} | {len(length.undecided)} "
        f"| {100 * surface.seed_sd:.2f} | {100 * surface.network_sd:.2f} |"
    )


def _named(outcome: FitOutcome, index: int) -> str:
    point = outcome.points.networks[index]
    c = point.coefficients
    return f"({c.alpha:g}, {c.beta:g}, {point.arch.resolution} px) at {point.ratio:.2f}x"


def _shares(length: LengthOutcome) -> str:
    return ", ".join(f"{share:.2f}" for share in length.optimum.shares)
