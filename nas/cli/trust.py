"""`nas trust`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from nas.cli.interrupts import interrupt_on_sigterm
from nas.cli.options import json_option


@click.command("trust")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--networks",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Retrain the best so many, and as many drawn from the others.",
)
@click.option("--epochs", type=click.IntRange(1), help="Of the longer training [3 x the search's].")
@click.option(
    "--seeds", type=click.IntRange(1), default=2, show_default=True, help="Trainings of each."
)
@click.option(
    "--random",
    type=click.IntRange(0),
    help="Trainings of a random search, at most as many as the search's [as many].",
)
@click.option(
    "--pretrained",
    multiple=True,
    metavar="[ARCH=]FILE",
    help="Fine-tune these weights beside; ARCH for a file of torchvision's or timm's. Repeatable.",
)
@click.option("--workers", type=click.IntRange(1, 1024), default=1, show_default=True)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
def command(
    run: Path | None,
    networks: int,
    epochs: int | None,
    seeds: int,
    random: int | None,
    pretrained: tuple[str, ...],
    workers: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train the networks of a finished search longer and say how far it can be trusted.

    RUN is a run folder of `nas search --data`, or of `nas run`; the newest run where it is left
    out. The best networks and some drawn from the others are trained longer with new seeds, beside
    the best of a random search and EfficientNet-B0, MobileNetV2 and MobileNetV3 scaled to the same
    FLOPs. What is done is kept in RUN/trust: the same command goes on.

    \b
    --json: data, toy, judged_on, proxy_epochs, long_epochs, kendall_tau, compared, seed_sd,
    networks (each: name, group, digest, spec, flops, params, resolution, proxy, readings, mean,
    errors), against (name: value, low, high, verdict), random_search, left_out, verdict, schema.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.output import print_json
    from nas.runs.data_record import keep_data
    from nas.runs.finding import search_folder
    from nas.runs.records import command_line, locked, read_run
    from nas.searching.problem import load_problem
    from nas.trust.retraining import trust_report
    from nas.trust.settings import TrustSettings

    folder = search_folder(run)
    opened = read_run(folder)
    settings = TrustSettings(networks, epochs, seeds, random, pretrained)
    problem = load_problem(opened.config)
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    with locked(folder):
        if problem.data is not None:
            keep_data(folder, problem.data)
        interrupt_on_sigterm()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                report = trust_report(
                    opened,
                    settings,
                    workers,
                    say,
                    problem,
                    command=command_line(sys.argv[1:]),
                )
        except KeyboardInterrupt:
            click.echo("interrupted; what was trained is kept, the same command goes on", err=True)
            sys.exit(130)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(report.text())
