"""Products of answers, as columns: how choices of one network act together.

Deep and wide stages help each other. A smooth kernel alone must see each such pair to know it; as
columns, few readings tell:

- *pairs of a part*: the product of every two answers about one part of the network (`stage3.…`);
- *shared pairs*: "expand times layers, wherever they meet": the sum of such products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.samplers.parameter import Floats

MOST_PAIRS = 200
"""Columns of pairs. A part with more is no part but a whole network; its pairs are left out."""


@dataclass(frozen=True)
class Column:
    """What a column of the model's input is about.

    Attributes:
        owner: index of the question.
        part: the part of the network that the question is about.
        role: kind of the question, and which of its columns this is (unordered answers have one
            for each answer).
    """

    owner: int
    part: str
    role: tuple[str, int]


class Interactions:
    """Rows (rows, columns) -> blocks of products; a block is a set of columns with one amplitude.

    Attributes:
        widths: the number of columns of each block; blocks without any are left out.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        count = len(columns)
        pairs = [
            (one, other)
            for one in range(count)
            for other in range(one)
            if columns[one].part == columns[other].part
            and columns[one].owner != columns[other].owner
        ]
        pairs = pairs if len(pairs) <= MOST_PAIRS else []
        self._one = np.array([one for one, _ in pairs], dtype=np.int64)
        self._other = np.array([other for _, other in pairs], dtype=np.int64)
        met = [frozenset((columns[one].role, columns[other].role)) for one, other in pairs]
        self._met = _sums(met)
        widths = (len(pairs), self._met.shape[1])
        self._used = tuple(width > 0 for width in widths)
        self.widths = tuple(width for width in widths if width)

    def __call__(self, x: Floats) -> list[Floats]:
        """The blocks, each (rows, width)."""
        pairs = x[:, self._one] * x[:, self._other]
        blocks = [pairs, pairs @ self._met]
        return [block for block, used in zip(blocks, self._used, strict=True) if used]


def _sums(labels: Sequence[object]) -> npt.NDArray[np.float64]:
    """(labels, labels that occur twice or more): columns that add up equal ones, at unit scale."""
    several = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
    sums = np.zeros((len(labels), len(several)))
    for row, label in enumerate(labels):
        if label in several:
            sums[row, several.index(label)] = 1 / np.sqrt(labels.count(label))
    return sums
