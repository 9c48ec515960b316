"""`--subset`: the part of the search-train images that candidates are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.data.images import DataSet
from nas.data.splitting import stratified
from nas.errors import DataError


def subset_of(
    data: DataSet, train: NDArray[np.int64], subset: float | int | None
) -> NDArray[np.int64]:
    """The part of the search-train images that is used, the same share of every class.

    A class that has too few images to be divided is used whole.
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
    wanted = share * len(train) if isinstance(subset, float) else subset
    if wanted < len(data.classes):
        raise DataError(
            f"--subset {subset:g} leaves {wanted:.0f} images for {len(data.classes)} classes; "
            "take at least one of each"
        )
    labels, hashes = data.train.labels[train], data.train.content_hashes()
    contents = [hashes[index] for index in train]
    whole = np.isin(labels, _indivisible(labels, contents))
    divided = np.flatnonzero(~whole)
    present, numbered = np.unique(labels[divided], return_inverse=True)
    _, chosen = stratified(
        numbered.astype(np.int64),
        [contents[index] for index in divided],
        [data.classes[label] for label in present],
        fraction=share,
        seed=0,
        purpose="subset",
    )
    used = whole.copy()
    used[divided[chosen]] = True
    return train[used]


def _indivisible(labels: NDArray[np.int64], contents: Sequence[str]) -> list[int]:
    """The classes without two distinct images of their own, which `stratified` refuses."""
    owners: dict[str, set[int]] = {}
    for label, content in zip(labels.tolist(), contents, strict=True):
        owners.setdefault(content, set()).add(label)
    distinct = Counter(min(classes) for classes in owners.values() if len(classes) == 1)
    return [label for label in np.unique(labels).tolist() if distinct[label] < 2]
