"""Two parts of one set of images that share nothing: stratified, seeded, duplicates together.

The order in which images are drawn is the order of a hash of the seed and the image's content. So
exact duplicates are drawn together, nothing depends on file names or on a library's random
numbers, and adding images later moves few of the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Images
from nas.errors import DataError


@dataclass(frozen=True)
class Split:
    """Training images of a search, and those that its candidates are judged on.

    search_train, search_val: sorted indices into DataSet.train. digest: identifies who is on
    which side (hexadecimal, 128 bits).
    """

    search_train: NDArray[np.int64]
    search_val: NDArray[np.int64]
    digest: str


def search_split(images: Images, *, val_fraction: float = 0.2, seed: int = 0) -> Split:
    """Divide training images into search-train and search-val.

    Raises: DataError if a class has fewer than two distinct images.
    """
    hashes = images.content_hashes()
    train, val = stratified(
        images.labels, hashes, images.classes, fraction=val_fraction, seed=seed, purpose="search"
    )
    sides = hashlib.sha256()
    for side in (train, val):
        for index in side:
            line = f"{images.name(int(index))}\0{hashes[index]}\n"
            # A file's name may be no UTF-8, and its bytes count as they are.
            sides.update(line.encode(errors="surrogateescape"))
        sides.update(b"\n")
    return Split(train, val, sides.hexdigest()[:32])


def stratified(
    labels: NDArray[np.int64],
    hashes: Sequence[str],
    classes: Sequence[str],
    *,
    fraction: float,
    seed: int,
    purpose: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted indices of the larger part and of the held-out one, `fraction` of each class.

    purpose: another word draws other images; two splits of the same images are independent.
    At least one image of each class is on either side. Equal `hashes` are on one side, those that
    occur under several classes always in the larger part: nothing can be judged by them.
    Raises: DataError if a class has fewer than two distinct images, or `fraction` is not in (0, 1).
    """
    if not 0 < fraction < 1:
        raise DataError(f"a held-out fraction of {fraction:g} is not between 0 and 1; try 0.2")
    twins: dict[str, list[int]] = {}
    for index, value in enumerate(hashes):
        twins.setdefault(value, []).append(index)
    groups: list[list[list[int]]] = [[] for _ in classes]
    for members in twins.values():
        if len({int(labels[index]) for index in members}) == 1:
            groups[int(labels[members[0]])].append(members)
    counts = np.bincount(labels, minlength=len(classes))
    held = np.zeros(len(labels), dtype=bool)
    for label, name in enumerate(classes):
        if len(groups[label]) < 2:
            raise DataError(
                f"class '{name}' has too few distinct images ({len(groups[label])}) to be split "
                "into two parts; add images or leave the class out"
            )
        for index in _drawn(groups[label], hashes, f"{purpose}:{seed}", fraction, counts[label]):
            held[index] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _drawn(
    groups: list[list[int]], hashes: Sequence[str], salt: str, fraction: float, count: int
) -> list[int]:
    def rank(members: list[int]) -> str:
        # An empty file's hash holds its name, which may be no UTF-8.
        text = f"{salt}:{hashes[members[0]]}"
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()

    target = min(max(1, round(count * fraction)), count - 1)
    drawn: list[int] = []
    ordered = sorted(groups, key=rank)
    for members in ordered:
        # A group that would take the part over its size stays whole on the other side.
        if len(drawn) + len(members) <= target:
            drawn += members
    return drawn or min(ordered, key=len)
