"""What the loop needs of images: decoded squares of equal side, read in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor


class PixelSource(Protocol):
    """Images as uint8 squares of `px` pixels, with their labels.

    Held in memory (`nas.data.pixels.Pixels`) or decoded while they are read.
    """

    @property
    def labels(self) -> Tensor:
        """Class numbers, int64 (N,)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by number."""

    @property
    def px(self) -> int:
        """Side of the stored squares in pixels."""

    def __len__(self) -> int: ...

    def to(self, device: Any) -> PixelSource:
        """The same images, read onto `device`."""

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images uint8 (B, 3, px, px) and labels (B,) of the indices `order`, int64 (M,)."""

    def whole_batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """As `batches`, with another image in the place of each that cannot be read."""
