"""What `nas fit-scaling` prints."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from nas.cli.output import print_json, print_table
from nas.fitting.config import FitConfig
from nas.fitting.halving import planned_trainings
from nas.fitting.outcome import FitOutcome, LengthOutcome, latency_columns
from nas.fitting.points import Points
from nas.fitting.summary import (
    about_coefficients,
    headlines,
    measured_warnings,
    point_document,
    warnings,
)
from nas.scaling.grid import GridPoint
from nas.scaling.mixture import DIMENSIONS
from nas.units import format_count, how_many

HEADERS = ("depth", "width", "resolution", "px", "params", "FLOPs", "nominal", "realised")


def show_plan(config: FitConfig, points: Points, as_json: bool) -> None:
    """What a fit would train."""
    each = planned_trainings(len(points.networks), config.seeds)
    trainings = each * len(config.lengths)
    few = (
        f"{len(points.networks)} networks are few; --tolerance {points.offered:.0%} would give more"
        if points.offered is not None
        else None
    )
    notes = [*measured_warnings(points.grid), *([] if few is None else [few])]
    if as_json:
        print_json(
            {
                "networks": [_planned_document(points, point) for point in points.networks],
                "trainings": trainings,
                "epochs": list(config.epochs),
                "constraint_exponents": list(points.grid.constraint.exponents),
                "warnings": notes,
            }
        )
        return
    _print_grid_line(config, points)
    print_table(_headers(points), [_point_cells(points, point) for point in points.networks])
    lengths = " and ".join(str(epochs) for epochs in config.epochs)
    many = f", {each} of each length" if len(config.lengths) > 1 else ""
    long = f" ({lengths} epochs{many})" if lengths else ""
    click.echo(
        "depth, width and resolution are the shortest multipliers that round to the network.\n"
        f"Halving with {config.seeds} seeds: {trainings} trainings{long}."
    )
    for note in notes:
        click.echo(note)


def show_outcome(
    config: FitConfig, outcome: FitOutcome, folder: Path, baseline: str, typed: str, as_json: bool
) -> None:
    """What a fit found; `baseline` as a person named it."""
    if as_json:
        c = outcome.coefficients
        print_json(
            {
                "alpha": c.alpha,
                "beta": c.beta,
                "gamma": c.gamma,
                **about_coefficients(config, outcome, typed),
                "warnings": warnings(outcome),
                "out": str(folder),
            }
        )
        return
    _print_grid_line(config, outcome.points)
    for length in outcome.lengths:
        if length.epochs is not None:
            click.echo(f"\n{how_many(length.epochs, 'epoch')}")
        _print_length(outcome, length)
    click.echo()
    for line in headlines(config, outcome):
        click.echo(line)
    family = ["nas", "family", "--baseline", baseline, "--coefficients", str(folder)]
    click.echo(
        f"\nWrote coefficients.json, grid.csv, surface.png and summary.md to {folder}; make the "
        f"family with `{shlex.join(family)}`, at the baseline's own resolution"
    )


def show_printed(as_json: bool) -> None:
    """What the paper's printed accuracies do and do not determine."""
    from nas.fitting.printed import printed_fit, statements

    fit = printed_fit()
    lines = statements(fit)
    if not as_json:
        click.echo("\n".join(lines))
        return
    print_json(
        {
            "networks": list(fit.names),
            "statements": lines,
            "optimum": {
                name: dict(zip(DIMENSIONS, map(float, values), strict=True))
                for name, values in (
                    ("shares", fit.optimum.shares),
                    ("low", fit.optimum.low),
                    ("high", fit.optimum.high),
                )
            },
            "region_part": fit.region_part,
            "paper_inside": fit.paper_inside,
        }
    )


def _print_grid_line(config: FitConfig, points: Points) -> None:
    base = config.baseline
    constraint = points.grid.constraint
    cost = constraint.text(constraint.of(base))
    click.echo(
        f"{base.name or 'baseline'} at {base.resolution} px ({cost} "
        f"{config.constraint}): {len(points.networks)} distinct networks within "
        f"{100 * config.tolerance:g} % of {config.ratio:g} times that"
    )
    if constraint.about:
        click.echo(constraint.about)


def _print_length(outcome: FitOutcome, length: LengthOutcome) -> None:
    order = length.surface.expected.argsort()[::-1]
    spread = length.surface.networks.std(axis=0)
    rows = []
    for place in order:
        index = length.networks[place]
        point = outcome.points.networks[index]
        row = length.readings.accuracies[place]
        rows.append(
            (
                *_point_cells(outcome.points, point),
                f"{100 * length.readings.means[place]:.2f} %",
                str(len(row)),
                f"{100 * length.surface.expected[place]:.2f} ± {100 * spread[place]:.2f} %",
                "*" if index in length.undecided else "",
            )
        )
    print_table((*_headers(outcome.points), "mean", "seeds", "expected", "best?"), rows)
    click.echo(
        "mean: top-1 of the trainings. expected: at exactly the same cost, with its standard "
        "deviation.\nbest?: with 90 % probability the best network is one of those marked."
    )


def _headers(points: Points) -> tuple[str, ...]:
    measured = any(point.measured is not None for point in points.networks)
    return (*HEADERS, "latency", "range", "note") if measured else HEADERS


def _latency_cells(points: Points, point: GridPoint) -> tuple[str, ...]:
    """Latency, the range of its ratio, and whether that settles it."""
    found = point.measured
    if found is None:
        return ()
    note = f"noisy: {found.noise}" if found.noise else "-"
    return (
        points.grid.constraint.text(found.value),
        f"{found.low:.2f}-{found.high:.2f}x",
        "at an edge" if points.grid.on_edge(point) and not found.noise else note,
    )


def _point_cells(points: Points, point: GridPoint) -> tuple[str, ...]:
    c = point.coefficients
    return (
        f"{c.alpha:g}",
        f"{c.beta:g}",
        f"{c.gamma:g}",
        str(point.arch.resolution),
        format_count(point.cost.params),
        format_count(point.cost.flops),
        f"{point.nominal_ratio:.2f}x",
        f"{point.ratio:.2f}x",
        *_latency_cells(points, point),
    )


def _planned_document(points: Points, point: GridPoint) -> dict[str, object]:
    costs = {"flops": point.cost.flops, "nominal_ratio": point.nominal_ratio}
    return {**point_document(point), **costs, **latency_columns(points.grid, point)}
