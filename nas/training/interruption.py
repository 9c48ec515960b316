"""Ending in good order when a signal asks for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether the process has been asked to end."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def watch_signals(wanted: bool) -> Iterator[Interruption]:
    """Turn the first SIGINT or SIGTERM into a mark that is read between two steps.

    A second signal does what it did before. Signals can be watched in the main thread only; in
    another, or where they are not wanted, the mark is never set.
    """
    interruption = Interruption()
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def mark(number: int, frame: FrameType | None) -> None:
        interruption.asked = True
        for one, handler in before.items():
            signal.signal(one, handler)

    for number in _SIGNALS:
        signal.signal(number, mark)
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
