"""Columns whose squared distances count by how many answers two networks differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.samplers.parameter import Floats


class Steps:
    """Rows (rows, columns) -> one column for each step between neighbouring levels of a column.

    The squared distance of two rows is then the sum of the differences of their coordinates, so
    that an exponential of it is a product over all answers (an Ornstein-Uhlenbeck kernel).
    """

    def __init__(self, levels: Sequence[Floats]) -> None:
        ordered = [np.unique(of_column) for of_column in levels]
        gaps = [np.diff(of_column) for of_column in ordered]
        self._column = np.repeat(np.arange(len(gaps)), [len(gap) for gap in gaps])
        between = [(of_column[1:] + of_column[:-1]) / 2 for of_column in ordered]
        self._between = np.concatenate([np.empty(0), *between])
        self._height = np.sqrt(np.concatenate([np.empty(0), *gaps]))

    def __call__(self, x: Floats) -> Floats:
        """The steps (rows, steps): 0 below a step, its height above."""
        return np.asarray((x[:, self._column] > self._between) * self._height)
