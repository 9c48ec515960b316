"""Which image stands in for one that cannot be read, so that a batch keeps its size.

Processes that train together, each with its part of every batch, must make the same number of
steps: were an image left out, one of them would end its epoch early and the others wait for good.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nas.errors import DataError

Read = Callable[[int], NDArray[np.uint8] | None]
"""A position to its decoded image, (3, px, px); None if it cannot be read."""


class Substitutes:
    """For each position that cannot be read, the next one, round the end, that can.

    So every process that meets an unreadable image takes the same for it, and a later epoch the
    same as the first.
    """

    def __init__(self, count: int, read: Read) -> None:
        self._count, self._read = count, read
        self._known: dict[int, int] = {}

    def of(self, position: int) -> int:
        """The position to read for `position`, as far as is known."""
        return self._known.get(position, position)

    def find(self, position: int) -> tuple[int, NDArray[np.uint8]]:
        """A substitute's position and its image; known from now on.

        Raises: DataError if none of all images can be read.
        """
        for step in range(1, self._count):
            candidate = (position + step) % self._count
            pixels = self._read(candidate)
            if pixels is not None:
                self._known[position] = candidate
                return candidate, pixels
        raise DataError(f"none of {self._count} images can be read; see `nas data info`")
