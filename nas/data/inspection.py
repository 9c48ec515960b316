"""Everything about a data set that a person should know before hours are spent on it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.data.decoding import quiet_pillow
from nas.data.duplicates import report_duplicates
from nas.data.hashing import in_threads
from nas.data.images import DataSet, ImageError, Images
from nas.data.report import Problems
from nas.data.resolution import suggest_resolution
from nas.data.splitting import Split, search_split
from nas.data.squares import note_outcome
from nas.errors import DataError


@dataclass(frozen=True)
class Range:
    """Smallest, median and largest of something in px."""

    smallest: int
    median: int
    largest: int


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found; counts are of files, those that cannot be used included.

    train_counts, test_counts: images of each class, in the order of the classes. split: how a
    search would divide the training images, or in one line why it cannot.
    """

    data: DataSet
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...] | None
    width: Range
    height: Range
    suggested_resolution: int
    split: Split | str
    problems: Problems

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `nas data info --help` explains the keys."""
        split = self.split
        return {
            "name": self.data.name,
            "toy": self.data.toy,
            "classes": list(self.data.classes),
            "train": {"images": sum(self.train_counts), "per_class": list(self.train_counts)},
            "test": None
            if self.test_counts is None
            else {"images": sum(self.test_counts), "per_class": list(self.test_counts)},
            "width": vars(self.width),
            "height": vars(self.height),
            "suggested_resolution": self.suggested_resolution,
            "search_split": {"error": split}
            if isinstance(split, str)
            else {
                "train": len(split.search_train),
                "val": len(split.search_val),
                "digest": split.digest,
            },
            "problems": self.problems.as_dict(),
            "notes": list(self.data.notes),
            "fingerprint": self.data.fingerprint,
        }


def inspect(data: DataSet) -> Inspection:
    """Decode every image once, as small as possible, and count; problems go to `data.problems`.

    Raises: DataError if no image can be read, or at the first odd image if strict.
    """
    problems = data.problems
    report_duplicates(data, problems)
    sizes = [size for part in (data.train, data.test) if part for size in _read(part, problems)]
    if not sizes:
        raise DataError(f"no image of {data.name} can be read; {'; '.join(problems.lines(1))}")
    try:
        split: Split | str = search_split(data.train)
    except DataError as error:
        split = str(error)
    return Inspection(
        data,
        _counts(data.train),
        None if data.test is None else _counts(data.test),
        _range([width for width, _ in sizes]),
        _range([height for _, height in sizes]),
        suggest_resolution(data.train),
        split,
        problems,
    )


def _read(images: Images, problems: Problems) -> list[tuple[int, int]]:
    """The stored sizes of the images that can be decoded."""

    def look(index: int) -> tuple[tuple[int, int], tuple[str, ...]] | ImageError:
        try:
            # One pixel is enough: the whole of a JPEG is read all the same, so that a broken end
            # is found, and most of the arithmetic is saved.
            return images.size(index), images.decode(index, at_least_px=1).odd
        except ImageError as error:
            return error

    with quiet_pillow():
        outcomes = in_threads(look, len(images))
    sizes = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, ImageError):
            note_outcome(images, index, outcome, problems)
        else:
            sizes.append(outcome[0])
            note_outcome(images, index, outcome[1], problems)
    return sizes


def _counts(images: Images) -> tuple[int, ...]:
    return tuple(np.bincount(images.labels, minlength=len(images.classes)).tolist())


def _range(values: list[int]) -> Range:
    return Range(min(values), round(statistics.median(values)), max(values))
