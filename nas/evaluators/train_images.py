"""The images of a search in one worker: divided, decoded once, kept where the training is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.data.images import DataSet
from nas.data.memory import available_memory_bytes
from nas.data.opening import open_data
from nas.data.resolution import stored_px
from nas.data.splitting import search_split
from nas.data.streaming import MEMORY_SHARE, pixel_source
from nas.errors import DataError
from nas.evaluators.train_settings import TrainSettings
from nas.evaluators.train_subset import subset_of
from nas.runs.data_record import keep_image_problems
from nas.training.devices import chosen_device, on_device

if TYPE_CHECKING:
    from nas.training.source import PixelSource


class SearchImages:
    """search-train, or the chosen part of it, and search-val, at the sides that are asked for.

    Raises: DataError if there is no such data, or it is not what it was when the search began.
    """

    def __init__(self, settings: TrainSettings, device: str, folder: Path | None = None) -> None:
        """folder: of the evaluator, where it is noted what is odd about the images."""
        self._folder = folder
        self.data: DataSet = open_data(settings.data)
        expected = settings.fingerprint
        if expected is not None and self.data.fingerprint != expected:
            raise DataError(
                f"the images of {settings.data} are not those that the search began with (on this "
                "machine); restore them, or begin another search"
            )
        split = search_split(self.data.train)
        self._train = subset_of(self.data, split.search_train, settings.subset)
        self._val = split.search_val
        self._device = device
        self._limit = int(MEMORY_SHARE * available_memory_bytes() / settings.workers)
        self._sources: dict[int, tuple[PixelSource, PixelSource]] = {}

    @property
    def train_images(self) -> int:
        """How many images a candidate is trained on."""
        return len(self._train)

    @property
    def val_images(self) -> int:
        """How many images a candidate is judged on."""
        return len(self._val)

    def at(self, resolution: int) -> tuple[PixelSource, PixelSource]:
        """search-train and search-val for networks of `resolution` px; decoded the first time."""
        px = stored_px(self.data.train, resolution)
        if px not in self._sources:
            # One size at a time, as nearly all networks of a search have the same; and the last one
            # is let go first, so that two never need room.
            self._sources = {}
            train, val = (
                pixel_source(
                    self.data.train,
                    indices,
                    px,
                    report=self.data.problems,
                    memory_limit_bytes=self._limit,
                )
                for indices in (self._train, self._val)
            )
            if self._folder is not None:
                keep_image_problems(self._folder, self.data.problems)
            device = chosen_device(self._device)
            self._sources[px] = (on_device(train, device), on_device(val, device))
        return self._sources[px]
