"""Options and argument types that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from nas.errors import NasError
from nas.units import parse_count

Command = TypeVar("Command", bound=Callable[..., Any])


class Count(click.ParamType):
    """A quantity such as 400M."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read "400M" as 400000000; a misspelt unit is a usage error."""
        try:
            return parse_count(value)
        except NasError as error:
            self.fail(str(error), param, ctx)


class Network(click.ParamType):
    """An ARCH: a reference name, a JSON file, a run (its best) or a run's member (RUN:b3)."""

    name = "arch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Find the network. Raises: NasError if there is none."""
        from nas.archs import find_network
        from nas.spec import ArchSpec

        return value if isinstance(value, ArchSpec) else find_network(str(value))


class AnyNetwork(Network):
    """An ARCH, or a reference that is known by its cost only (an `OpaqueNetwork`)."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Find the network. Raises: NasError if there is none."""
        from nas.opaque import OPAQUE_NETWORKS

        return OPAQUE_NETWORKS.get(value) or super().convert(value, param, ctx)


COUNT = Count()
NETWORK = Network()
ANY_NETWORK = AnyNetwork()

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout instead of text."
)


def size_options(command: Command) -> Command:
    """`--resolution`, `--classes`, `--in-channels`: settings of a network, not choices."""
    for option, text in (
        ("--in-channels", "Channels of the input images."),
        ("--classes", "Number of classes."),
        ("--resolution", "Side of the square input in pixels."),
    ):
        command = click.option(option, type=click.IntRange(1), help=text)(command)
    return command
