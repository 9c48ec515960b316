"""The images of a search in one worker: divided, decoded once, kept where the training is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.images import DataSet
from nas.data.memory import available_memory_bytes
from nas.data.opening import open_data
from nas.data.resolution import stored_px
from nas.data.splitting import search_split, stratified
from nas.data.streaming import MEMORY_SHARE, pixel_source
from nas.errors import DataError
from nas.evaluators.train_settings import TrainSettings

if TYPE_CHECKING:
    from nas.data.pixels import Pixels
    from nas.data.streaming import StreamedPixels

    AnyPixels = Pixels | StreamedPixels


class SearchImages:
    """search-train, or the chosen part of it, and search-val, at the sides that are asked for.

    Raises: DataError if there is no such data, or it is not what it was when the search began.
    """

    def __init__(self, settings: TrainSettings, device: str) -> None:
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
        self._sources: dict[int, tuple[AnyPixels, AnyPixels]] = {}

    @property
    def train_images(self) -> int:
        """How many images a candidate is trained on."""
        return len(self._train)

    @property
    def val_images(self) -> int:
        """How many images a candidate is judged on."""
        return len(self._val)

    def at(self, resolution: int) -> tuple[AnyPixels, AnyPixels]:
        """search-train and search-val for networks of `resolution` px; decoded the first time."""
        px = stored_px(self.data.train, resolution)
        if px not in self._sources:
            sources = [
                pixel_source(
                    self.data.train,
                    indices,
                    px,
                    report=self.data.problems,
                    memory_limit_bytes=self._limit,
                ).to(self._device)
                for indices in (self._train, self._val)
            ]
            # One size at a time: nearly all networks of a search have the same.
            self._sources = {px: (sources[0], sources[1])}
        return self._sources[px]


def subset_of(
    data: DataSet, train: NDArray[np.int64], subset: float | int | None
) -> NDArray[np.int64]:
    """The part of the search-train images that is used, the same share of every class.

    Raises: DataError where fewer are asked for than there are classes, or more than there are.
    """
    if subset is None:
        return train
    if subset > len(train):
        raise DataError(
            f"--subset {subset} is more than the {len(train)} search-train images of {data.name}"
        )
    share = float(subset) if isinstance(subset, float) else subset / len(train)
    if share >= 1:
        return train
    if share * len(train) < len(data.classes):
        raise DataError(
            f"--subset {subset:g} leaves {share * len(train):.0f} images for "
            f"{len(data.classes)} classes; take at least one of each"
        )
    hashes = data.train.content_hashes()
    _, chosen = stratified(
        data.train.labels[train],
        [hashes[index] for index in train],
        data.classes,
        fraction=share,
        seed=0,
        purpose="subset",
    )
    return train[chosen]
