"""What a labelled set of images is, wherever it lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nas.data.report import Problems
from nas.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageError(DataError):
    """An image that cannot be used: its name and the reason. `kind` is one of report.LEFT_OUT."""

    def __init__(self, name: str, kind: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.kind = kind
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception with other arguments than its message would not come back from a worker.
        return ImageError, (self.name, self.kind, self.reason)


@dataclass(frozen=True)
class Decoded:
    """An image in RGB and the kinds (report.CONVERTED and HARMLESS) that it was odd in."""

    image: Image
    odd: tuple[str, ...] = ()


class Images(Protocol):
    """Labelled images in a fixed order. Every method may be called from several threads."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) class indices."""

    @property
    def encoded(self) -> bool:
        """Whether `content` is the bytes of an image file."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What a person knows the image by: its path below the data's folder."""

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) in pixels as stored, from the header. Raises: ImageError."""

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        """The image in RGB, upright.

        at_least_px: where positive, a JPEG may be decoded smaller, its shorter side no less than
        this; much faster for large photographs.
        Raises: ImageError with the reason.
        """

    def read(self, index: int) -> Image:
        """The image in RGB, upright and full size. Raises: ImageError with the reason."""

    def content(self, index: int) -> bytes:
        """What makes the image the image; equal contents are exact duplicates."""

    def content_hashes(self) -> list[str]:
        """A hash of each image's content, in order (hexadecimal, 128 bits)."""


@dataclass(frozen=True)
class DataSet:
    """Images to train with and images to test with.

    name: as a person typed it. test: None where the data has none. toy: results on it say nothing
    about real images. notes: what a person should be told once, such as a split made for them.
    problems: what was odd while opening; go on with it while decoding.
    """

    name: str
    train: Images
    test: Images | None = None
    toy: bool = False
    notes: tuple[str, ...] = ()
    problems: Problems = field(default_factory=Problems)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a label is an index into them."""
        return self.train.classes

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over classes, names, labels and contents of both parts."""
        from nas.data.fingerprint import fingerprint

        return fingerprint(self.train, self.test)
