"""`nas fit-scaling`."""

from __future__ import annotations

import sys
from collections.abc import Callable
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

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.fitting.config import FitConfig
    from nas.fitting.outcome import FitOutcome


def _percent(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Read "10%" and "0.1" as a tenth."""
    text = value.strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise click.BadParameter(
            f"'{value}' is no fraction; write 10% or 0.1", context, parameter
        ) from None


def _lengths(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...]:
    """Read "20,60"."""
    if value is None:
        return ()
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"'{value}' is no list of whole numbers; write 20 or 20,60", context, parameter
        ) from None


@click.command("fit-scaling")
@baseline_and_data_options
@click.option(
    "--ratio", type=float, default=2.0, show_default=True, help="Cost over the baseline's."
)
@click.option(
    "--tolerance",
    default="10%",
    show_default=True,
    callback=_percent,
    help="How far the built network's cost may be from that.",
)
@click.option(
    "--step",
    type=float,
    default=0.05,
    show_default=True,
    help="Of the grid in alpha, beta and gamma; 0 for every distinct network.",
)
@click.option(
    "--constraint",
    default="flops",
    show_default=True,
    help="What the ratio is of: flops, activations, params (which leaves resolution alone), "
    "latency:cpu, latency:onnxruntime or latency:cuda (measured here), or latency:TABLE.json.",
)
@click.option(
    "--latency-threads",
    type=int,
    default=1,
    show_default=True,
    help="CPU threads of a measured latency.",
)
@click.option(
    "--latency-batch",
    type=int,
    default=1,
    show_default=True,
    help="Images at once of a measured latency.",
)
@click.option(
    "--epochs",
    callback=_lengths,
    metavar="N[,N...]",
    help="Lengths of training; the coefficients are of the longest, and how the optimum moves is "
    "told.  [default: the recipe's]",
)
@click.option(
    "--seeds",
    type=int,
    default=4,
    show_default=True,
    help="Trainings of the networks that stay to the end; halving gives the others fewer.",
)
@networks_training_options
@resolution_multiple_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="[default: fit/ inside the run, else fit-<baseline>]",
)
@click.option(
    "--published",
    is_flag=True,
    help="Train nothing; say what the paper's printed accuracies do and do not determine.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="List the networks and count the trainings. A latency is measured for it, and kept.",
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
def command(
    baseline_text: str | None,
    data: str | None,
    out: Path | None,
    workers: int,
    published: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Fit alpha, beta and gamma of a baseline by training the networks that they round to.

    \b
    nas fit-scaling --data DIR --epochs 20,60     the newest run's best network
    nas fit-scaling --baseline efficientnet-b0 --data DIR --resolution 64
    nas fit-scaling --baseline efficientnet-b0 --data sample --dry-run
    nas fit-scaling --data DIR --constraint latency:onnxruntime

    The grid is of networks, not of numbers: every distinct network whose built, rounded cost is
    within the tolerance of the ratio. Halving gives all of them one training, the better half a
    second seed, and so on. A response surface over depth, width and resolution gives the optimum
    with a region that holds it with 90 % probability, and says which networks cannot be told apart.
    What is done is kept: the same command goes on.

    Under a constraint on latency, networks are measured beside the baseline in interleaved rounds
    until no other is expected within the tolerance; the measured ratio decides. latencies.json in
    the fit's folder keeps it all. What it is worth: docs/scaling.md.

    It leaves coefficients.json (read by `nas family`), grid.csv, surface.png and summary.md in the
    fit's folder, and coefficients.json in the run's.

    \b
    --json: alpha, beta, gamma, nominal_ratio, intervals, level, settled, lengths (each: epochs,
    networks, trainings, seed_sd, network_sd, optimum, argmax, choice, tie, may_be_best), baseline,
    baseline_digest, resolution_px, data, constraint, constraint_exponents, ratio, tolerance,
    warnings, found_by, out.
    With --published: networks, statements, optimum (shares, low, high), region_part, paper_inside.
    With --dry-run: networks (each: digest, alpha, beta, gamma, resolution_px, flops,
    realised_ratio, nominal_ratio; of latencies also latency_ms, ratio_low, ratio_high, on_edge and
    noise), trainings, epochs, constraint_exponents, warnings.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    if published:
        from nas.cli.fit_text import show_printed

        show_printed(as_json)
        return
    from nas.archs import find_network
    from nas.fitting.run import check_evaluator, prepare_points
    from nas.fitting.settings import data_of_run, default_folder, fit_config, run_of
    from nas.runs.finding import newest_run
    from nas.runs.records import command_line

    text = baseline_text or str(newest_run())
    baseline = find_network(text)
    run = run_of(text)
    data = data or data_of_run(run)
    images = None if data is None else _open(data, quiet)
    config = fit_config(baseline, data, images, settings)
    folder = out or default_folder(text)
    interrupt_on_sigterm()
    try:
        points = prepare_points(config, folder, _sayer(quiet))
    except KeyboardInterrupt:
        click.echo("interrupted; what was measured is kept, the same command goes on", err=True)
        sys.exit(130)
    check_evaluator(config, points)
    if images is not None and not quiet:
        _warn_of_upsampling(images, points)
    if dry_run:
        from nas.cli.fit_text import show_plan

        show_plan(config, points, as_json)
        return
    typed = command_line(sys.argv[1:])
    outcome = _fit(
        config, images, points, folder, run=run, workers=workers, quiet=quiet, typed=typed
    )
    from nas.cli.fit_text import show_outcome

    show_outcome(config, outcome, folder, text, typed, as_json)


def _sayer(quiet: bool) -> Callable[[str], None]:
    return (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))


def _open(data: str, quiet: bool) -> DataSet:
    from nas.data.opening import open_data

    images = open_data(data)
    if not quiet:
        for line in (*images.notes, *images.problems.lines()):
            click.echo(line, err=True)
    return images


def _warn_of_upsampling(images: DataSet, points: Any) -> None:
    from nas.data.resolution import typical_shorter_px

    side = typical_shorter_px(images.train)
    larger = [point for point in points.networks if point.arch.resolution > side]
    if larger:
        click.echo(
            f"nas: {len(larger)} of {len(points.networks)} networks look at more than the images' "
            f"{side} px; upsampling adds no information",
            err=True,
        )


def _fit(
    config: FitConfig,
    images: DataSet | None,
    points: Any,
    folder: Path,
    *,
    run: Path | None,
    workers: int,
    quiet: bool,
    typed: str,
) -> FitOutcome:
    from nas.fitting.working import fit_in_folder

    try:
        return fit_in_folder(
            config,
            images,
            points,
            folder,
            run=run,
            workers=workers,
            command=typed,
            say=_sayer(quiet),
        )
    except KeyboardInterrupt:
        click.echo("interrupted; what was trained is kept, the same command goes on", err=True)
        sys.exit(130)
