"""What a search space is, and the powers that only some spaces have.

A space needs a `name` and `sample(suggest)`. Everything else is optional, and whoever needs a
power that a space lacks says so by name.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from nas.errors import SpaceError
from nas.spec import ArchSpec
from nas.suggest import FixedSuggest, RandomSuggest, Suggest

__all__ = [
    "HasColumnNames",
    "HasParameters",
    "HasReference",
    "HasResolutions",
    "SearchSpace",
    "at_resolution",
    "parameters_if_held",
    "random_network",
    "rebuild",
]


@runtime_checkable
class SearchSpace(Protocol):
    """A set of networks, described by the questions whose answers make one."""

    @property
    def name(self) -> str:
        """A short name, as typed after `nas spaces`."""

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask `suggest` for every choice and return the network.

        Parameter names must be stable paths ("stage1.kernel"): recorded parameters rebuild the
        network in later versions.
        """


@runtime_checkable
class HasReference(Protocol):
    """A space that knows the network its results are set beside."""

    def reference(self) -> ArchSpec:
        """The network that a found one is compared with."""


@runtime_checkable
class HasParameters(Protocol):
    """A space that can read a network back: the inverse of `sample`."""

    def parameters(self, arch: ArchSpec) -> dict[str, Any] | None:
        """The answers that make `arch`, or None where the space does not hold it."""


@runtime_checkable
class HasResolutions(Protocol):
    """A space whose networks depend on the size of the images, by their strides for example."""

    def at_resolution(self, resolution: int) -> SearchSpace:
        """The space for square images of `resolution` pixels a side.

        It asks the same questions with the same choices, so that answers carry over, and its
        networks and reference have that resolution.
        """


@runtime_checkable
class HasColumnNames(Protocol):
    """A space whose parameters have other names in published tables."""

    def column_names(self) -> dict[str, str]:
        """Column of a table -> parameter name."""


def at_resolution(space: SearchSpace, resolution: int | None) -> SearchSpace:
    """`space` for images of `resolution` pixels: itself where it does not depend on them, or None.

    The networks of a space that does not depend on them keep their own resolution; see
    `nas.archs.resized`.
    """
    if resolution is None or not isinstance(space, HasResolutions):
        return space
    return space.at_resolution(resolution)


def random_network(
    space: SearchSpace, source: int | random.Random
) -> tuple[ArchSpec, RandomSuggest]:
    """A network from uniform random answers, and the answers."""
    suggest = RandomSuggest(source)
    return space.sample(suggest), suggest


def rebuild(space: SearchSpace, params: Mapping[str, Any]) -> ArchSpec:
    """The network that recorded parameters describe.

    Raises: SpaceError where a parameter is missing or is no choice of the space.
    """
    return space.sample(FixedSuggest(params))


def parameters_if_held(
    space: SearchSpace, params: Mapping[str, Any], arch: ArchSpec
) -> dict[str, Any] | None:
    """`params` where they make `arch`, else None: the last step of a space's `parameters()`.

    Input channels, classes and resolution are settings, not choices: any are accepted.
    """
    try:
        rebuilt = rebuild(space, params)
    except SpaceError:
        return None
    same = dataclasses.replace(
        arch,
        resolution=rebuilt.resolution,
        classes=rebuilt.classes,
        in_channels=rebuilt.in_channels,
    )
    return dict(params) if same == rebuilt else None
