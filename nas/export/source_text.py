"""Python source that reads as if typed: lines that fit, or one item a line.

`ruff format` leaves it as it is at 88 columns and above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 88


@dataclass(frozen=True)
class Group:
    """Items between brackets: a call, a signature, a list, a dictionary.

    `opening` ends with a bracket and may hold what stands before it.
    """

    opening: str
    items: Sequence[str | Group]
    closing: str

    def flat(self) -> str:
        """All of it on one line."""
        items = ", ".join(item if isinstance(item, str) else item.flat() for item in self.items)
        return f"{self.opening}{items}{self.closing}"


def laid_out(group: Group, indent: int = 0, after: str = "", *, explode: bool = False) -> list[str]:
    """The lines of `group`, indented by `indent` spaces, with `after` behind the bracket.

    explode: an item a line even where one line would do, as in a table.
    """
    margin = " " * indent
    one_line = f"{margin}{group.flat()}{after}"
    if not explode and len(one_line) <= WIDTH:
        return [one_line]
    lines = [f"{margin}{group.opening}"]
    for item in group.items:
        if isinstance(item, Group):
            lines += laid_out(item, indent + 4, ",")
        else:
            lines.append(f"{margin}    {item},")
    lines.append(f"{margin}{group.closing}{after}")
    return lines


def literal(value: Any) -> str:
    """A plain value as source: double quotes, and whole numbers without a point."""
    if isinstance(value, str):
        quoted = repr(value)
        return quoted if '"' in value else f'"{quoted[1:-1]}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return repr(int(value))
    if isinstance(value, tuple):
        inner = ", ".join(literal(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def mapping(opening: str, entries: Mapping[str, str | Group]) -> Group:
    """A dictionary display of names to source."""
    items: list[str | Group] = []
    for name, value in entries.items():
        if isinstance(value, Group):
            items.append(Group(f'"{name}": {value.opening}', value.items, value.closing))
        else:
            items.append(f'"{name}": {value}')
    return Group(opening, items, "}")
