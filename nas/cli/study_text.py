"""What `nas study scaling` prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from nas.cli.output import print_json, print_table
from nas.data.images import DataSet
from nas.data.resolution import typical_shorter_px
from nas.studies.config import StudyConfig
from nas.studies.curves import StudyCurves
from nas.studies.document import document
from nas.studies.outcome import StudyOutcome
from nas.studies.summary import headlines, warnings
from nas.studies.tables import HEADERS, cost_cells, table_cells
from nas.units import how_many


def upsampling(images: DataSet, curves: StudyCurves) -> list[str]:
    """A warning where networks look at more pixels than the images have."""
    side = typical_shorter_px(images.train)
    networks = curves.networks
    larger = sum(network.resolution > side for network in networks)
    if not larger:
        return []
    return [
        f"{larger} of {len(networks)} networks look at more than the images' {side} px; "
        "upsampling adds no information"
    ]


def show_plan(
    config: StudyConfig, curves: StudyCurves, notes: Sequence[str], as_json: bool
) -> None:
    """What a study would train."""
    networks = len(curves.networks)
    trainings = networks * config.seeds
    if as_json:
        print_json(
            {
                "networks": [
                    {
                        "curve": curve.name,
                        "digest": point.arch.digest(),
                        **dataclasses.asdict(point.multipliers),
                        "resolution_px": point.arch.resolution,
                        "asked_ratio": point.asked,
                        "realised_ratio": point.ratio,
                        "nominal_ratio": point.nominal_ratio,
                        **dataclasses.asdict(point.cost),
                    }
                    for curve in curves.all
                    for point in curve.points
                ],
                "trainings": trainings,
                "epochs": config.epochs,
                "warnings": list(notes),
            }
        )
        return
    seen: set[str] = set()
    rows = []
    for curve in curves.all:
        for point in curve.points:
            if point.arch.digest() not in seen:
                seen.add(point.arch.digest())
                rows.append(cost_cells(curve, point))
    print_table(HEADERS[:-2], rows)
    length = "" if config.epochs is None else f" of {how_many(config.epochs, 'epoch')}"
    click.echo(
        "depth, width and resolution are the shortest multipliers that round to the network.\n"
        f"{networks} networks with {config.seeds} seeds: {trainings} trainings{length}."
    )
    if not config.widths_at:
        click.echo("Figure 4 is not asked for; --widths-at published adds its four curves.")


def show_outcome(
    config: StudyConfig,
    outcome: StudyOutcome,
    folder: Path,
    typed: str,
    as_json: bool,
) -> None:
    """What a study found."""
    if as_json:
        print_json(document(config, outcome, typed, str(folder)))
        return
    print_table(HEADERS, table_cells(outcome))
    click.echo()
    for line in (*headlines(config, outcome), *warnings(config, outcome)):
        click.echo(line)
    click.echo(f"\nWrote curves.csv, the figures and summary.md to {folder}")
