"""How often a training is saved: often enough, and for at most a twentieth of its time.

Of a small network on a GPU an epoch takes less than a second, and its checkpoint (weights, average
and the optimiser's state, in the clear on a disk) a good part of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.05


class SavingPace:
    """Calls `save` where it is due. clock: gives seconds."""

    def __init__(
        self, save: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._save, self._clock = save, clock
        self._due = clock()

    def now(self) -> None:
        """Save, whatever it costs."""
        began = self._clock()
        self._save()
        ended = self._clock()
        self._due = ended + (ended - began) * (1 / SHARE - 1)

    def perhaps(self) -> None:
        """Save if it is the first time, or if the last was long enough ago for what it took."""
        if self._clock() >= self._due:
            self.now()
