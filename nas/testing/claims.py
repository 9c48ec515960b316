"""How a contract test fails: an AssertionError that says what broke and for what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nas.errors import one_line


def claim(holds: bool, message: str) -> None:
    """Raise AssertionError with `message` unless the claim holds.

    A function, not `assert`: it must fail under `python -O` too.
    """
    if not holds:
        raise AssertionError(message)


@contextmanager
def during(what: str) -> Iterator[None]:
    """Turn whatever a plug-in raises into an AssertionError that begins with `what`."""
    try:
        yield
    except AssertionError as error:
        if str(error).startswith(what):
            raise
        raise AssertionError(f"{what}: {error}") from error
    except Exception as error:
        raise AssertionError(f"{what}: {one_line(error)}") from error
