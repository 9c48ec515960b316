"""What the worker processes of a stream of images do: decode the next batches, in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from nas.data.decoding import quiet_pillow
from nas.data.hashing import processors
from nas.data.images import ImageError, Images
from nas.data.squares import square

_MOST_WORKERS = 16

Outcome = tuple[str, ...] | ImageError
"""What was odd about an image, or why it cannot be used."""


@dataclass(frozen=True)
class Squares(Dataset[tuple[torch.Tensor, list[Outcome]]]):
    """What a worker process has. An item is a whole batch: its good images, and every outcome."""

    images: Images
    px: int

    def __getitem__(self, indices: list[int]) -> tuple[torch.Tensor, list[Outcome]]:
        pixels = np.empty((len(indices), 3, self.px, self.px), dtype=np.uint8)
        outcomes: list[Outcome] = []
        good = 0
        with quiet_pillow():
            for index in indices:
                try:
                    image, odd = square(self.images, index, self.px)
                except ImageError as error:
                    outcomes.append(error)
                    continue
                pixels[good] = image.transpose(2, 0, 1)
                good += 1
                outcomes.append(odd)
        return torch.from_numpy(pixels[:good]), outcomes


class Order(Sampler[list[int]]):
    """Which images make the next batches; changed between two iterations, workers staying."""

    def __init__(self) -> None:
        self.indices = torch.empty(0, dtype=torch.int64)
        self.positions: list[int] = []
        self.batch_size = 1

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self.positions), self.batch_size):
            chosen = self.positions[start : start + self.batch_size]
            yield [int(index) for index in self.indices[chosen]]

    def __len__(self) -> int:
        return -(-len(self.positions) // self.batch_size)


def possible_workers(wanted: int | None) -> int:
    """How many workers a stream has: `wanted`, or one for each processor."""
    # A process that was started as a daemon may not have children; it decodes by itself.
    if multiprocessing.current_process().daemon:
        return 0
    return min(processors(), _MOST_WORKERS) if wanted is None else wanted
