"""Images that lie in memory as one array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.hashing import content_hash
from nas.data.images import Decoded

if TYPE_CHECKING:
    from PIL.Image import Image


class ArrayImages:
    """`pixels` (N, height, width, 3), uint8, with `labels`; image 7 is called `part/00007`."""

    encoded = False

    def __init__(
        self,
        part: str,
        classes: tuple[str, ...],
        pixels: NDArray[np.uint8],
        labels: NDArray[np.int64],
    ) -> None:
        self.part = part
        self.classes = classes
        self.pixels = pixels
        self.labels = labels
        self._hashes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def name(self, index: int) -> str:
        return f"{self.part}/{index:05d}"

    def size(self, index: int) -> tuple[int, int]:
        height, width = self.pixels[index].shape[:2]
        return width, height

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        return Decoded(self.read(index))

    def read(self, index: int) -> Image:
        import PIL.Image

        return PIL.Image.fromarray(self.pixels[index])

    def content(self, index: int) -> bytes:
        content: bytes = self.pixels[index].tobytes()
        return content

    def content_hashes(self) -> list[str]:
        if self._hashes is None:
            self._hashes = [content_hash(self.content(index)) for index in range(len(self))]
        return self._hashes
