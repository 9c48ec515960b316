"""Why a network cannot leave the toolkit, or not this way."""

from __future__ import annotations

from nas.errors import NasError


class ExportError(NasError):
    """A network that a target cannot express, a folder in the way, or a failed parity check."""


def inexpressible(part: str, value: object, theirs: str, instead: str) -> ExportError:
    """The refusal of a network by a library, naming the part that has no place there.

    `part` is the spec's name of it; `theirs` the library's class; `instead` what it has there.
    """
    shown = value if isinstance(value, (int, float)) else repr(value)
    return ExportError(
        f"{part} is {shown}; {theirs} {instead}, so this network cannot be written for it; "
        "--to pytorch or --to onnx can express it"
    )
