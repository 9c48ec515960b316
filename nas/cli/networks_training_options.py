"""The options of the commands that train a list of networks: `fit-scaling` and `study scaling`."""

from __future__ import annotations

import click

from nas.cli.options import Command
from nas.cli.search_data import NameValue, Subset


def baseline_and_data_options(command: Command) -> Command:
    """`--baseline` and `--data`: which network is scaled, on which images."""
    for option in (
        click.option(
            "--data",
            metavar="DIR|sample",
            help="Images to train on; `sample` to try it.  [default: the run's]",
        ),
        click.option(
            "--baseline",
            "baseline_text",
            metavar="RUN|ARCH",
            help="The network to scale: a run (its best network), a file or a reference.  "
            "[default: the newest run]",
        ),
    ):
        command = option(command)
    return command


def networks_training_options(command: Command) -> Command:
    """How each network is trained, from `--resolution` to `--workers` and `--seed`."""
    for option in reversed(
        (
            click.option(
                "--resolution", type=click.IntRange(8), help="Of the baseline [from the images]."
            ),
            click.option("--recipe", help="A recipe's name or .toml file [short]."),
            click.option("--subset", type=Subset(), help="Train on 0.1 or 5000 of the images."),
            click.option("--batch", type=click.IntRange(1), help="Images a step [the recipe's]."),
            click.option("--device", help="cpu, cuda or mps [the best there is]."),
            click.option(
                "--evaluator",
                default="train",
                show_default=True,
                help="Or another that gives accuracies.",
            ),
            click.option(
                "--option",
                "given_options",
                type=NameValue(),
                multiple=True,
                help="A setting of the evaluator. Repeatable.",
            ),
            click.option("--workers", type=click.IntRange(1, 1024), default=1, show_default=True),
            click.option("--seed", type=int, default=0, show_default=True),
        )
    ):
        command = option(command)
    return command
