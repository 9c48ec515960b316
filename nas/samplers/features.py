"""Rows of codes -> the columns a Gaussian process works on."""

from __future__ import annotations

import numpy as np

from nas.samplers.candidates import CandidateSpace
from nas.samplers.interactions import Column, Interactions
from nas.samplers.parameter import Codes, Floats
from nas.samplers.steps import Steps

MOST_KINDS = 8
"""Kinds of question with a length scale of their own; a few dozen observations determine no more.
The rarer kinds of a larger space share one."""


class Features:
    """Coordinates of the answers, then of the costs; `group` says whose scale a column has.

    Attributes:
        group: (columns,) the kind of question of each column; the costs are the last group.
        groups: how many there are, costs included (even where there are none).
        interactions: the products of these columns that the model knows of.
        steps: the differences of answers that it may go by; costs are none.
    """

    def __init__(self, space: CandidateSpace, costs: int) -> None:
        kinds = [p.kind for p in space.parameters]
        by_count = sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kinds.index(kind)))
        index = {kind: min(rank, MOST_KINDS - 1) for rank, kind in enumerate(by_count)}
        levels = int(space.sizes.max()) if len(space.sizes) else 1
        columns, about, groups, known = [], [], [], []
        for owner, p in enumerate(space.parameters):
            for number, column in enumerate(p.coordinates().T):
                # One more entry of 0, the average answer: code -1 (not asked) picks it.
                columns.append(np.concatenate([column, np.zeros(levels + 1 - len(column))]))
                known.append(column)
                about.append(Column(owner, p.part, (p.kind, number)))
                groups.append(index[p.kind])
        self._table = np.array(columns).reshape(-1, levels + 1)
        self._owner = np.array([column.owner for column in about], dtype=np.int64)
        self._row = np.arange(len(about))
        self.steps = Steps(known)
        self.interactions = Interactions(about)
        self.groups = 1 + (max(groups) + 1 if groups else 0)
        self.group = np.array(groups + [self.groups - 1] * costs, dtype=np.int64)

    def __call__(self, codes: Codes, cost_coordinates: Floats) -> Floats:
        """(rows, columns) from codes (rows, parameters) and costs (rows, costs)."""
        return np.hstack([self._table[self._row, codes[:, self._owner]], cost_coordinates])
