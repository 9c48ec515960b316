"""Images decoded once, held as one uint8 tensor that batches are cut from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nas.data.decoding import quiet_pillow
from nas.data.hashing import in_threads
from nas.data.images import ImageError, Images
from nas.data.report import Problems
from nas.data.squares import note_lost_classes, note_outcome
from nas.data.squares import square as square
from nas.errors import DataError

Indices = NDArray[np.int64] | Sequence[int]


@dataclass(frozen=True)
class Pixels:
    """Decoded images. images: uint8 (N, 3, px, px). labels: int64 (N,), on the same device.

    indices: int64 (N,), on the CPU: where each stood in the images it was decoded from.
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    px: int
    indices: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the images lie and batches are made."""
        return self.images.device

    def to(self, device: torch.device | str) -> Pixels:
        """The same images on another device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def batches(
        self, order: torch.Tensor, batch_size: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(uint8 (B, 3, px, px), int64 (B,)) at positions `order` (int64); the last is short."""
        order = order.to(self.device)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            yield self.images[chosen], self.labels[chosen]

    def whole_batches(
        self, order: torch.Tensor, batch_size: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """As `batches`: all images here can be read."""
        return self.batches(order, batch_size)


def load_pixels(
    images: Images,
    indices: Indices | None,
    px: int,
    *,
    report: Problems,
    cache: Path | None = None,
) -> Pixels:
    """Decode `images` at `indices` (None: all): shorter side to `px`, bicubic, then a centre crop.

    What cannot be decoded is left out and noted in `report`. Threads do the work: Pillow decodes
    and resizes without Python's lock. cache: a folder in which the result is kept, and found again
    as long as the images are the same.
    Raises: DataError if a class has nothing left, or at the first odd image if `report` is strict.
    """
    chosen = all_or(indices, len(images))
    if cache is not None:
        from nas.data.pixel_cache import cached_pixels

        return cached_pixels(cache, images, chosen, px, report, _decoded)
    return _decoded(images, chosen, px, report)


def all_or(indices: Indices | None, count: int) -> NDArray[np.int64]:
    """`indices` as an array; 0..count-1 for None."""
    return np.arange(count) if indices is None else np.asarray(indices, dtype=np.int64)


def _decoded(images: Images, chosen: NDArray[np.int64], px: int, report: Problems) -> Pixels:
    if len(chosen) == 0:
        raise DataError("there are no images to decode")
    # numpy makes no threads of its own here, and planes are copied once, into their place.
    pixels = np.empty((len(chosen), 3, px, px), dtype=np.uint8)

    def place(position: int) -> tuple[str, ...] | ImageError:
        try:
            image, odd = square(images, int(chosen[position]), px)
        except ImageError as error:
            return error
        pixels[position] = image.transpose(2, 0, 1)
        return odd

    kept: list[int] = []
    with quiet_pillow():
        outcomes = in_threads(place, len(chosen))
    for position, outcome in enumerate(outcomes):
        if note_outcome(images, int(chosen[position]), outcome, report):
            if len(kept) != position:
                pixels[len(kept)] = pixels[position]
            kept.append(position)
    indices = chosen[kept]
    note_lost_classes(images, chosen, indices, report)
    return Pixels(
        torch.from_numpy(pixels[: len(kept)]),
        torch.from_numpy(images.labels[indices]),
        images.classes,
        px,
        torch.from_numpy(indices),
    )
