"""`--data sample`: drawn shapes with textures, to try every command without any data.

A class is a pair of a shape and a texture, so that neither alone tells it; colour tells nothing.
Place, size, turn, colours, contrast, noise and smaller things in the background vary. Each
image is drawn when it is asked for, from the seed and its number alone. Its results are a toy's:
they say that a command works, nothing about real images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.drawing import DRAWING_VERSION, SHAPES, TEXTURES, draw
from nas.data.hashing import content_hash
from nas.data.images import DataSet, Decoded
from nas.data.report import Problems
from nas.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class SampleOptions:
    """`sample:px=32,classes=8,images=512,test=256,seed=0`; images are those to train with."""

    px: int = 32
    classes: int = 8
    images: int = 512
    test: int = 256
    seed: int = 0


_LIMITS = {
    "px": (8, 1024),
    "classes": (2, len(SHAPES) * len(TEXTURES)),
    "images": (4, 1_000_000),
    "test": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
}


def open_sample(name: str, problems: Problems) -> DataSet:
    """The sample that `name` describes. Raises: DataError for an unknown or impossible option."""
    options = parse_sample(name)
    fewest = min(options.images // 2, options.test)
    if options.classes > fewest:
        raise DataError(
            f"{name}: {options.images} training and {options.test} test images are too few for "
            f"{options.classes} classes; give each at least two and one"
        )
    return DataSet(
        name,
        SampleImages(options, "train", options.images),
        SampleImages(options, "test", options.test),
        toy=True,
        notes=("the sample is a toy: its results say nothing about real images",),
        problems=problems,
    )


def parse_sample(name: str) -> SampleOptions:
    """Read `sample` or `sample:px=64,classes=4`. Raises: DataError."""
    known = [field.name for field in fields(SampleOptions)]
    chosen: dict[str, int] = {}
    for part in filter(None, name.partition(":")[2].split(",")):
        key, _, value = part.partition("=")
        key = key.strip()
        if key not in known or not value.strip().isdecimal():
            raise DataError(
                f"'{part}' in '{name}' is no option with a whole number; "
                f"there are {', '.join(f'{option}=' for option in known)}"
            )
        low, high = _LIMITS[key]
        if not low <= int(value) <= high:
            raise DataError(f"{key}={value.strip()} in '{name}' is not between {low} and {high:,}")
        chosen[key] = int(value)
    return SampleOptions(**chosen)


class SampleImages:
    """`count` drawn images, classes in turn."""

    encoded = False

    def __init__(self, options: SampleOptions, part: str, count: int) -> None:
        self.options = options
        self.part = part
        # As square as the number of classes allows, so that both cues are needed.
        columns = min(len(SHAPES), math.ceil(math.sqrt(options.classes)))
        self._pairs = [
            (SHAPES[k % columns], TEXTURES[k // columns]) for k in range(options.classes)
        ]
        self.classes = tuple(f"{shape}-{texture}" for shape, texture in self._pairs)
        self.labels: NDArray[np.int64] = np.arange(count, dtype=np.int64) % options.classes

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        return f"{self.part}/{self.classes[self.labels[index]]}/{index:05d}"

    def size(self, index: int) -> tuple[int, int]:
        return self.options.px, self.options.px

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        return Decoded(self.read(index))

    def read(self, index: int) -> Image:
        import PIL.Image

        random = np.random.default_rng(
            [DRAWING_VERSION, self.options.seed, ("train", "test").index(self.part), index]
        )
        shape, texture = self._pairs[self.labels[index]]
        return PIL.Image.fromarray(draw(random, self.options.px, shape, texture))

    def content(self, index: int) -> bytes:
        # What an image is drawn from, not its pixels: it determines them, and costs nothing.
        options = self.options
        return (
            f"sample {DRAWING_VERSION} seed={options.seed} px={options.px} "
            f"classes={options.classes} {self.name(index)}"
        ).encode()

    def content_hashes(self) -> list[str]:
        return [content_hash(self.content(index)) for index in range(len(self))]
