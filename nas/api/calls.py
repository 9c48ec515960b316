"""A call of the Python API as text: what a run records where a command writes its command line."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nas.shared.database_url import shown_url
from nas.spec import ArchSpec

Arch = str | Path | ArchSpec
"""What functions take as a network: what a person may type after a command, or a spec."""


def call_text(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """The call as a person would write it again, without arguments that are the default."""
    given = [
        f"{name}={_shown(arguments[name])}"
        for name, parameter in inspect.signature(function).parameters.items()
        if arguments[name] != parameter.default
    ]
    return f"nas.{function.__name__}({', '.join(given)})"


def sayer(quiet: bool) -> Callable[[str], None]:
    """What passes lines on to stderr, or nowhere."""

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    return (lambda line: None) if quiet else say


def path_or_none(path: str | Path | None) -> Path | None:
    """A path that may have been given as text."""
    return None if path is None else Path(path)


def arch_text(arch: Arch) -> str:
    """How a network is called: as it was typed, or by its own name."""
    return arch.name or arch.digest() if isinstance(arch, ArchSpec) else str(arch)


def _shown(value: Any) -> str:
    if isinstance(value, ArchSpec):
        return repr(arch_text(value))
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, str) and "://" in value:
        # A database's password is not for a folder that is handed on.
        return repr(shown_url(value))
    return repr(value)
