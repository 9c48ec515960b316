"""What a scaling fit can hold fixed: a cost by name, and how it grows with each dimension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.registry import did_you_mean
from nas.spec import ArchSpec
from nas.units import format_count


@dataclass(frozen=True)
class Constraint:
    """A cost that every network of a grid has (nearly) as much of.

    exponents: with what power of depth, width and resolution it grows, before rounding. 0: it does
    not depend on that dimension, which then would grow for nothing and is held at the baseline's.
    of: the cost of a built, rounded network, in whatever unit; only ratios are used. text: writes
    such a cost. about: how it is known where it is not counted, in a sentence.
    """

    name: str
    exponents: tuple[float, float, float]
    of: Callable[[ArchSpec], float]
    text: Callable[[float], str] = format_count
    about: str = ""


CONSTRAINTS = {
    constraint.name: constraint
    for constraint in (
        Constraint("flops", (1.0, 2.0, 2.0), lambda arch: network_cost(arch).flops),
        Constraint("params", (1.0, 2.0, 0.0), lambda arch: network_cost(arch).params),
        Constraint("activations", (1.0, 1.0, 2.0), lambda arch: network_cost(arch).activations),
    )
}


def find_constraint(name: str) -> Constraint:
    """The constraint of that name. Raises: ConfigError if there is none."""
    if name not in CONSTRAINTS:
        raise ConfigError(f"cannot constrain '{name}'; {did_you_mean(name, CONSTRAINTS)}")
    return CONSTRAINTS[name]
