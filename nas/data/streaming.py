"""Images that do not fit in memory: decoded for each batch, in worker processes, in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from nas.data.decoding import quiet_pillow
from nas.data.hashing import processors
from nas.data.images import ImageError, Images
from nas.data.memory import MEMORY_SHARE as MEMORY_SHARE
from nas.data.memory import available_memory_bytes
from nas.data.pixels import Indices, Pixels, all_or, load_pixels
from nas.data.report import Problems
from nas.data.squares import note_outcome, square
from nas.errors import DataError

_MOST_WORKERS = 16

Outcome = tuple[str, ...] | ImageError


def pixel_source(
    images: Images,
    indices: Indices | None,
    px: int,
    *,
    report: Problems,
    memory_limit_bytes: int | None = None,
    cache: Path | None = None,
) -> Pixels | StreamedPixels:
    """`Pixels` where N * 3 * px * px bytes are within the limit, else `StreamedPixels`.

    memory_limit_bytes: [40 % of the memory that is free now]. cache: as for `load_pixels`.
    Raises: DataError as `load_pixels`; of a stream, while it is read.
    """
    chosen = all_or(indices, len(images))
    if memory_limit_bytes is None:
        memory_limit_bytes = int(MEMORY_SHARE * available_memory_bytes())
    if len(chosen) * 3 * px * px <= memory_limit_bytes:
        return load_pixels(images, chosen, px, report=report, cache=cache)
    return StreamedPixels(images, chosen, px, report=report)


@dataclass(frozen=True)
class _Squares(Dataset[tuple[torch.Tensor, list[Outcome]]]):
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


class StreamedPixels:
    """As `Pixels`, from images that stay encoded.

    labels: int64 (N,), on `device`, of all images, also those that will prove unreadable. These
    are left out of the batches when they are met, and noted in the report; batches are filled up
    with what follows, so that all but the last have their full size.
    """

    def __init__(
        self,
        images: Images,
        indices: Indices | None,
        px: int,
        *,
        report: Problems,
        workers: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        chosen = all_or(indices, len(images))
        self.indices = torch.from_numpy(chosen)
        self.labels = torch.from_numpy(images.labels[chosen]).to(device)
        self.classes = images.classes
        self.px = px
        self.device = torch.device(device)
        self._source = images
        self._report = report
        self._workers = _possible_workers(workers)
        self._unreadable: set[int] = set()
        self._order = _Order()
        self._loader: DataLoader[tuple[torch.Tensor, list[Outcome]]] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> StreamedPixels:
        """The same images, their batches on another device; copies to a GPU are asynchronous."""
        moved = StreamedPixels(
            self._source,
            self.indices.numpy(),
            self.px,
            report=self._report,
            workers=self._workers,
            device=device,
        )
        moved._unreadable = self._unreadable
        return moved

    def batches(
        self, order: torch.Tensor, batch_size: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(uint8 (B, 3, px, px), int64 (B,)) at positions `order`, on `device`; the last is short.

        One at a time: starting it again ends an iteration that is under way.
        Raises: DataError if no image at all can be read, or as `Problems.add` if strict.
        """
        positions = [int(p) for p in order.tolist() if int(p) not in self._unreadable]
        parts: list[torch.Tensor] = []
        labels: list[int] = []
        pending, yielded = 0, False
        for pixels, good in self._decoded(positions, batch_size):
            parts.append(pixels)
            labels += good
            pending += len(good)
            while pending >= batch_size:
                # Usually one whole part, handed on without a copy.
                joined = parts[0] if len(parts) == 1 else torch.cat(parts)
                yield self._moved(joined[:batch_size], labels[:batch_size])
                yielded = True
                parts, labels = [joined[batch_size:]], labels[batch_size:]
                pending -= batch_size
                if not pending:
                    parts = []
        if pending:
            yield self._moved(torch.cat(parts), labels)
        elif len(order) and not yielded:
            raise DataError(f"none of {len(order)} images can be read; see `nas data info`")

    def _decoded(
        self, positions: list[int], batch_size: int
    ) -> Iterator[tuple[torch.Tensor, list[int]]]:
        """Good pixels and the positions they are of, batch by batch, in order."""
        self._order.positions, self._order.batch_size = positions, batch_size
        self._order.indices = self.indices
        if self._loader is None:
            self._loader = DataLoader(
                _Squares(self._source, self.px),
                batch_size=None,
                sampler=self._order,
                num_workers=self._workers,
                persistent_workers=self._workers > 0,
                pin_memory=self.device.type == "cuda",
            )
        start = 0
        for pixels, outcomes in self._loader:
            good = []
            for position, outcome in zip(
                positions[start : start + batch_size], outcomes, strict=True
            ):
                index = int(self.indices[position])
                if note_outcome(self._source, index, outcome, self._report):
                    good.append(position)
                else:
                    self._unreadable.add(position)
            start += batch_size
            yield pixels, good

    def _moved(
        self, pixels: torch.Tensor, positions: list[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.tensor(positions, dtype=torch.int64).to(self.device, non_blocking=True)
        return pixels.to(self.device, non_blocking=True), self.labels[chosen]


class _Order(Sampler[list[int]]):
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


def _possible_workers(wanted: int | None) -> int:
    # A process that was started as a daemon may not have children; it decodes by itself.
    if multiprocessing.current_process().daemon:
        return 0
    return min(processors(), _MOST_WORKERS) if wanted is None else wanted
