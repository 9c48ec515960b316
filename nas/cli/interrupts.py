"""SIGTERM as Ctrl-C: what is under way is saved in the same way."""

from __future__ import annotations

import signal
from typing import Any, NoReturn


def interrupt_on_sigterm() -> None:
    """From now on SIGTERM raises KeyboardInterrupt in the main thread."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(signum: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt
