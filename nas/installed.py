"""Entry points of the installed packages, however damaged some of them are.

`importlib.metadata.entry_points` fails as a whole where one package's file is malformed; here only
that package is left out, and can be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points

from nas.errors import one_line


def entry_points_of(group: str) -> Iterator[EntryPoint]:
    """The entry points of one group; packages whose file cannot be read are left out."""
    try:
        yield from entry_points(group=group)
    except Exception:
        # The parser raises whatever the malformed file causes; `unreadable_packages` names it.
        for package in distributions():
            if _unreadable(package) is None:
                yield from package.entry_points.select(group=group)


def unreadable_packages() -> list[tuple[str, str]]:
    """Installed packages whose entry points cannot be read, and why."""
    reasons = ((_described(package), _unreadable(package)) for package in distributions())
    return [(package, reason) for package, reason in reasons if reason is not None]


def owner_of(point: EntryPoint) -> str:
    """The package that offers an entry point: "ghost-nas 0.1.0"."""
    return "unknown package" if point.dist is None else _described(point.dist)


def _unreadable(package: Distribution) -> str | None:
    try:
        _ = package.entry_points
    except Exception as error:
        return f"its entry points cannot be read: {one_line(error)}"
    return None


def _described(package: Distribution) -> str:
    try:
        name: str | None = package.metadata["Name"]
        version = package.version
    except Exception:
        # A half-removed package has no metadata left; what that raises differs between Pythons.
        name, version = None, ""
    return f"{name} {version}" if name else f"unknown package in {package.locate_file('')}"
