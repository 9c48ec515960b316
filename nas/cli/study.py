"""`nas study scaling` and `nas study tables`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.interrupts import interrupt_on_sigterm
from nas.cli.networks_training_options import (
    baseline_and_data_options,
    networks_training_options,
)
from nas.cli.options import json_option
from nas.cli.scaling_options import resolution_multiple_option
from nas.cli.study_options import Names, Numbers, Starts
from nas.cli.training_options import show_data_notes

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.studies.config import StudyConfig
    from nas.studies.curves import StudyCurves
    from nas.studies.outcome import StudyOutcome


@click.group("study")
def command() -> None:
    """The paper's scaling figures on your own data, and its tables rebuilt.

    Both take --json; `nas study scaling --help` and `nas study tables --help` name the keys of
    --json.
    """


@command.command("scaling")
@baseline_and_data_options
@click.option(
    "--dimensions",
    type=Names(),
    default="depth,width,resolution,compound",
    show_default=True,
    help="A curve for each.",
)
@click.option(
    "--ratios",
    type=Numbers(),
    default="1.5,2,3,4",
    show_default=True,
    help="FLOPs over the baseline's; each network is the nearest that rounding allows.",
)
@click.option(
    "--coefficients",
    "coefficients_text",
    metavar="FILE|published|RULE",
    help="What compound grows by: coefficients.json, the paper's 1.2, 1.1, 1.15, or a rule of "
    "`nas family`.  [default: the run's where fitted, else published]",
)
@click.option(
    "--widths-at",
    type=Starts(),
    default=(),
    metavar="published|D,R ...",
    help='Also Figure 4: curves of width at these "depth,resolution", such as "1,1 2,1.3"; '
    "`published` for the paper's four.",
)
@click.option("--epochs", type=int, help="Of every training [the recipe's].")
@click.option("--seeds", type=int, default=3, show_default=True, help="Trainings of each network.")
@networks_training_options
@resolution_multiple_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="[default: study/ inside the run, else study-<baseline>]",
)
@click.option("--dry-run", is_flag=True, help="List the networks and count the trainings.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
def scaling(
    baseline_text: str | None,
    data: str | None,
    coefficients_text: str | None,
    out: Path | None,
    workers: int,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Accuracy against FLOPs, by dimension and compound.

    \b
    nas study scaling --data DIR                           the newest run's best network
    nas study scaling --baseline mobilenet-v2 --data DIR --widths-at published
    nas study scaling --baseline efficientnet-b0 --data sample --resolution 32 --dry-run

    The networks nearest to each multiple of the baseline's FLOPs are trained with one recipe and
    several seeds; what a doubling of FLOPs brings, early and late, is fitted for each curve, and
    put in words with its interval. What is done is kept: the same command goes on.

    It leaves curves.csv, figure3, figure8 and figure4 (.png and .svg, in the shape of the paper's)
    and summary.md in the study's folder. Of a baseline that the paper scales, its published points
    stand in panels of their own, and in published.csv.

    \b
    --json: baseline, baseline_digest, resolution_px, data, epochs, seeds, source, seed_sd, level,
    points (the rows of curves.csv), curves (each: curve, early_gain_per_doubling,
    late_gain_per_doubling, bend, split_ratio, last_ratio, verdict), differences, published (the
    rows of published.csv), headlines, warnings, command, out. With --dry-run: networks, trainings,
    epochs, warnings.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.archs import find_network
    from nas.cli.study_text import show_outcome, show_plan, upsampling
    from nas.data.opening import open_data
    from nas.fitting.settings import data_of_run, run_of
    from nas.runs.finding import newest_run
    from nas.runs.records import command_line
    from nas.studies.run import check_study
    from nas.studies.settings import chosen_coefficients, default_folder, study_config

    text = baseline_text or str(newest_run())
    baseline = find_network(text)
    run = run_of(text)
    settings["coefficients"] = chosen_coefficients(coefficients_text, run)
    data = data or data_of_run(run)
    images = None if data is None else open_data(data)
    if images is not None and not quiet:
        show_data_notes(images)
    config = study_config(baseline, data, images, settings)
    curves = config.curves()
    check_study(config, curves)
    warnings = [] if images is None else upsampling(images, curves)
    if not quiet:
        for line in (*warnings, *curves.notes):
            click.echo(f"nas: {line}", err=True)
    if dry_run:
        show_plan(config, curves, [*warnings, *curves.notes], as_json)
        return
    folder, typed = out or default_folder(text), command_line(sys.argv[1:])
    outcome = _study(config, curves, images, folder, workers, quiet, typed, warnings)
    show_outcome(config, outcome, folder, typed, as_json)


@command.command("tables")
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["text", "markdown", "csv"]),
    default="text",
    show_default=True,
)
@json_option
def tables(names: tuple[str, ...], layout: str, as_json: bool) -> None:
    """Count the networks of the paper's tables beside its figures.

    TABLE is table3 (MobileNets and ResNet-50), table7 (B0) or figure3 (B0, digitised); all three
    by default. No data and no training: networks are counted in seconds.

    \b
    --json: rows (each: table, model, row, depth, width, resolution, resolution_px,
    published_flops, counted_flops, difference, counted_params, published_top1, digest), notes.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.study_tables import show_tables
    from nas.studies.paper import TABLES, rebuilt

    chosen = names or TABLES
    show_tables([row for name in chosen for row in rebuilt(name)], layout, as_json)


def _study(
    config: StudyConfig,
    curves: StudyCurves,
    images: DataSet | None,
    folder: Path,
    workers: int,
    quiet: bool,
    typed: str,
    remarks: Sequence[str],
) -> StudyOutcome:
    from nas.studies.run import run_study

    def note(done: int, count: int) -> None:
        if not quiet:
            click.echo(f"training {done} of {count}", err=True)

    interrupt_on_sigterm()
    try:
        return run_study(
            config,
            curves,
            images,
            folder,
            workers=workers,
            command=typed,
            remarks=remarks,
            note=note,
        )
    except KeyboardInterrupt:
        click.echo("interrupted; what was trained is kept, the same command goes on", err=True)
        sys.exit(130)
