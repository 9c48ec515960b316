"""Images that do not fit in memory: decoded for each batch, in worker processes, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from nas.data.decoding import quiet_pillow
from nas.data.images import ImageError, Images
from nas.data.memory import MEMORY_SHARE as MEMORY_SHARE
from nas.data.memory import available_memory_bytes
from nas.data.pixels import Indices, Pixels, all_or, load_pixels
from nas.data.report import Problems
from nas.data.squares import note_outcome, square
from nas.data.stream_workers import Order, Outcome, Squares, possible_workers
from nas.data.substitutes import Substitutes
from nas.errors import DataError


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


class StreamedPixels:
    """As `Pixels`, from images that stay encoded.

    labels: int64 (N,), on `device`, of all images, also those that will prove unreadable. These
    are noted in the report when they are met. `batches` leaves them out and fills up with what
    follows, so that all but the last have their full size; `whole_batches` puts others in their
    place.
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
        self._workers = possible_workers(workers)
        self._unreadable: set[int] = set()
        self._substitutes = Substitutes(len(chosen), self._read)
        self._order = Order()
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
        moved._unreadable, moved._substitutes = self._unreadable, self._substitutes
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
        for pixels, asked, readable in self._decoded(positions, batch_size):
            good = [position for position, can in zip(asked, readable, strict=True) if can]
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

    def whole_batches(
        self, order: torch.Tensor, batch_size: int
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """As `batches`, with another image for one that cannot be read (`Substitutes`).

        So there are as many batches, of the size, as `order` makes.
        """
        positions = [self._substitutes.of(int(p)) for p in order.tolist()]
        for pixels, asked, readable in self._decoded(positions, batch_size):
            yield self._moved(*self._completed(pixels, asked, readable))

    def _completed(
        self, pixels: torch.Tensor, asked: list[int], readable: list[bool]
    ) -> tuple[torch.Tensor, list[int]]:
        """Decoded images with substitutes among them, and the positions that all are of."""
        if all(readable):
            return pixels, asked
        whole = torch.empty(len(asked), *pixels.shape[1:], dtype=torch.uint8)
        whole[torch.tensor(readable)] = pixels
        positions = list(asked)
        for place, can in enumerate(readable):
            if not can:
                positions[place], image = self._substitutes.find(asked[place])
                whole[place] = torch.from_numpy(image.copy())
        return whole, positions

    def _read(self, position: int) -> NDArray[np.uint8] | None:
        """An image decoded here, (3, px, px); None if it cannot be, which is noted."""
        if position in self._unreadable:
            return None
        index = int(self.indices[position])
        image = None
        outcome: Outcome
        with quiet_pillow():
            try:
                image, outcome = square(self._source, index, self.px)
            except ImageError as error:
                outcome = error
        if note_outcome(self._source, index, outcome, self._report) and image is not None:
            return image.transpose(2, 0, 1)
        self._unreadable.add(position)
        return None

    def _decoded(
        self, positions: list[int], batch_size: int
    ) -> Iterator[tuple[torch.Tensor, list[int], list[bool]]]:
        """Batch by batch, in order: good pixels, the positions asked for, and which are good."""
        self._order.positions, self._order.batch_size = positions, batch_size
        self._order.indices = self.indices
        if self._loader is None:
            self._loader = DataLoader(
                Squares(self._source, self.px),
                batch_size=None,
                sampler=self._order,
                num_workers=self._workers,
                persistent_workers=self._workers > 0,
                pin_memory=self.device.type == "cuda",
            )
        for number, (pixels, outcomes) in enumerate(self._loader):
            asked = positions[number * batch_size : (number + 1) * batch_size]
            readable = [
                note_outcome(self._source, int(self.indices[position]), outcome, self._report)
                for position, outcome in zip(asked, outcomes, strict=True)
            ]
            self._unreadable.update(p for p, can in zip(asked, readable, strict=True) if not can)
            yield pixels, asked, readable

    def _moved(
        self, pixels: torch.Tensor, positions: list[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.tensor(positions, dtype=torch.int64).to(self.device, non_blocking=True)
        return pixels.to(self.device, non_blocking=True), self.labels[chosen]
