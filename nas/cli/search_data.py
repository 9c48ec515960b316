"""The options of `nas search` for evaluators that train, and what follows from the images."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nas.errors import ConfigError

if TYPE_CHECKING:
    from nas.searching.config import SearchConfig

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_TRUST = 3


class Subset(click.ParamType):
    """A fraction of the images, or a number of them."""

    name = "part"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | float:
        """Read "0.1" as a tenth and "5000" or "5k" as that many."""
        from nas.errors import NasError
        from nas.units import parse_count

        if isinstance(value, int | float):
            return value
        try:
            fraction = float(value)
        except ValueError:
            fraction = None
        if fraction is not None and 0 < fraction <= 1:
            return fraction
        try:
            return parse_count(str(value), "subset")
        except NasError:
            self.fail(f"'{value}' is no part of the images; write 0.1 or 5000", param, ctx)


class NameValue(click.ParamType):
    """NAME=VALUE; the value may be a number, true or false, or text."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Read "metric=params"."""
        if isinstance(value, tuple):
            return value
        name, separator, text = str(value).partition("=")
        if not separator or not name:
            self.fail(f"'{value}' is not NAME=VALUE; write for example metric=params", param, ctx)
        try:
            read = json.loads(text)
        except ValueError:
            read = text
        return name.strip().replace("-", "_"), read if isinstance(read, int | float | str) else text


def training_options(command: Command) -> Command:
    """The options, in the order of the help."""
    whole = click.IntRange(1)
    for option in reversed(
        (
            click.option(
                "--data",
                metavar="DIR|sample",
                help="Search by training on these images: a folder of them, CIFAR, a packed file, "
                "or `sample` to try it without any. See `nas data info`.",
            ),
            click.option(
                "--strict",
                is_flag=True,
                help="With --data: decode every image first, and stop at one that is unreadable "
                "or odd.",
            ),
            click.option(
                "--epochs", type=whole, help="With --data: of one training [the recipe's]."
            ),
            click.option("--recipe", help="With --data: a recipe's name or .toml file [short]."),
            click.option(
                "--subset", type=Subset(), help="With --data: train on 0.1 or 5000 of the images."
            ),
            click.option("--batch", type=whole, help="With --data: images a step [the recipe's]."),
            click.option(
                "--train-seeds",
                type=whole,
                help="With --data: trainings of each network, whose mean counts [1].",
            ),
            click.option("--device", help="With --data: cpu, cuda or mps [the best there is]."),
            click.option(
                "--pruner",
                default="none",
                show_default=True,
                help="Stop hopeless trainings early: median, hyperband or patient (Optuna's).",
            ),
            click.option(
                "--filter",
                "first_filter",
                metavar="EVALUATOR:KEEP",
                help="With --data: refuse untrained what scores poorly for its FLOPs: "
                "zero-cost:0.5 lets the better half of random networks pass.",
            ),
            click.option(
                "--option",
                "given_options",
                type=NameValue(),
                multiple=True,
                help="A setting of the evaluator: metric=params for zero-cost. Repeatable.",
            ),
            click.option(
                "--trust",
                type=click.IntRange(0),
                help="With --data: at the end, train the best K networks longer and compare; "
                "0: do not [3; 0 for sample data, or where nothing says --epochs].",
            ),
        )
    ):
        command = option(command)
    return command


def trust_networks(asked: int | None, config: SearchConfig) -> int:
    """How many networks the trust report retrains; toy data gets none unless it is asked for.

    Raises: ConfigError where it is asked for and the evaluator has nothing to train longer.
    """
    from nas.plugins import load_evaluator
    from nas.trust.settings import proxy_epochs

    if asked == 0 or (asked is None and config.data is None):
        return 0
    if config.data is None:
        raise ConfigError("--trust trains networks on images; add --data DIR")
    try:
        proxy_epochs(load_evaluator(config.evaluator)(), config.options)
    except ConfigError:
        if asked is not None:
            raise
        return 0
    if asked is not None:
        return asked
    return 0 if config.data.partition(":")[0] == "sample" else DEFAULT_TRUST
