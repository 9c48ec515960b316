"""Options that the commands which train share, and the settings of a recipe given as text."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nas.errors import TrainingError

if TYPE_CHECKING:
    from nas.data.images import DataSet

Command = TypeVar("Command", bound=Callable[..., Any])

WEIGHTS_PATH = click.Path(path_type=Path)


def device_option(command: Command) -> Command:
    """`--device`."""
    text = "cpu, cuda, cuda:1 or mps.  [default: the best there is]"
    return click.option("--device", metavar="DEVICE", help=text)(command)


def strict_option(command: Command) -> Command:
    """`--strict`."""
    text = "Stop at the first image that is unreadable or odd."
    return click.option("--strict", is_flag=True, help=text)(command)


def recipe_options(command: Command) -> Command:
    """What changes a recipe: `--epochs`, `--batch`, `--learning-rate`, `--set`."""
    for decorate in (
        click.option(
            "--set",
            "settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="Any other setting of the recipe, such as mixup=0.2. Repeatable.",
        ),
        click.option(
            "--learning-rate", "--lr", type=float, help="Peak rate, for the batch as it is."
        ),
        click.option("--batch", type=int, help="Images a step; the rate follows it."),
        click.option("--epochs", type=int, help="Passes over the training images."),
    ):
        command = decorate(command)
    return command


def recipe_changes(
    epochs: int | None, batch: int | None, learning_rate: float | None, settings: tuple[str, ...]
) -> dict[str, Any]:
    """The settings of a recipe that flags replace. Raises: TrainingError for an unreadable one."""
    changes: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch,
        "learning_rate": learning_rate,
    }
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or not name.strip():
            raise TrainingError(f"--set {setting} is not NAME=VALUE; write for example mixup=0.2")
        changes[name.strip().replace("-", "_")] = _value(value.strip())
    return changes


def show_data_notes(data: DataSet) -> None:
    """On stderr, what a person should know of the images: notes, and what is odd about them."""
    for line in (*data.notes, *data.problems.lines()):
        click.echo(f"nas: {line}", err=True)


def _value(text: str) -> Any:
    """A value as TOML has it; what is no TOML is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
