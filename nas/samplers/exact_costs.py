"""What networks cost, exactly and without learning it, for thousands of candidates at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nas.samplers.candidates import CandidateSpace
from nas.samplers.parameter import Codes, Floats

CostFunction = Callable[[Mapping[str, Any]], Mapping[str, float]]
"""A network's answers -> its named costs, for example {"flops": 4e8, "params": 5e6}."""

MOST_ENTRIES = 4096
"""Calls of the cost function that a table may take: about a second at 0.2 ms each."""

CHECKS = 64
"""Random networks on which a table must agree with the cost function before it is used."""


MOST_REMEMBERED = 100_000
"""Costs of single networks kept, a few tens of megabytes."""


class ExactCosts:
    """Costs of rows of codes, shape (rows, names).

    FLOPs and parameters are often sums over parts of the network (`stage0.…`, `stage1.…`). Where
    random networks confirm that to the rounding error, a table per part replaces the calls.
    Everywhere else each network is computed once and remembered.
    """

    def __init__(self, cost: CostFunction, space: CandidateSpace) -> None:
        self._cost, self._space = cost, space
        self._known: dict[bytes, Floats] = {}
        rng = np.random.default_rng(0)
        probes = space.draw(rng, CHECKS)
        # Every name a cost goes by; a network may lack some (NaN), never have others.
        self.names: tuple[str, ...] = tuple(sorted(cost(space.decode(probes[0]))))
        values = self._direct(probes)
        finite = values[np.isfinite(values).all(axis=1)]
        positive = bool(len(finite)) and bool((finite > 0).all())
        self._logarithmic = positive
        shown = np.log(finite) if positive else finite
        self._center = shown.mean(axis=0) if len(finite) else np.zeros(len(self.names))
        spread = shown.std(axis=0) if len(finite) else np.ones(len(self.names))
        self._spread = np.where(spread > 0, spread, 1.0)
        self._table = None if space.conditional else self._additive_table(probes, values)

    def __call__(self, codes: Codes) -> Floats:
        """The costs; a row of NaN for a network whose cost cannot be computed."""
        if self._table is None:
            return self._direct(codes)
        base, parts = self._table
        total = np.tile(base, (len(codes), 1))
        for columns, weights, entries in parts:
            total += entries[codes[:, columns] @ weights]
        return total

    def coordinates(self, costs: Floats) -> Floats:
        """Costs as a model sees them: by logarithm where positive, random networks at 0 ± 1."""
        shown = np.log(np.maximum(costs, 1e-300)) if self._logarithmic else costs
        return np.nan_to_num((shown - self._center) / self._spread)

    def _direct(self, codes: Codes) -> Floats:
        rows = []
        for row in codes:
            key = row.tobytes()
            if key not in self._known:
                if len(self._known) >= MOST_REMEMBERED:
                    self._known.clear()
                self._known[key] = self._one(row)
            rows.append(self._known[key])
        return np.array(rows).reshape(-1, len(self.names))

    def _one(self, row: Codes) -> Floats:
        try:
            named = self._cost(self._space.decode(row))
        except Exception:
            # A network that has no cost cannot be built; it is not proposed.
            return np.full(len(self.names), math.nan)
        return np.array([float(named.get(name, math.nan)) for name in self.names])

    def _additive_table(
        self, probes: Codes, values: Floats
    ) -> tuple[Floats, list[tuple[Any, Any, Floats]]] | None:
        sizes = self._space.sizes
        columns_of: dict[str, list[int]] = {}
        for index, p in enumerate(self._space.parameters):
            columns_of.setdefault(p.part, []).append(index)
        counts = [math.prod(sizes[columns].tolist()) for columns in columns_of.values()]
        if sum(counts) > MOST_ENTRIES:
            return None
        reference = np.zeros(len(sizes), dtype=np.int64)
        base = self._one(reference)
        parts: list[tuple[Any, Any, Floats]] = []
        for columns, count in zip(columns_of.values(), counts, strict=True):
            weights = np.cumprod([1, *sizes[columns].tolist()])[:-1]
            entries = np.empty((count, len(self.names)))
            for entry in range(count):
                row = reference.copy()
                row[columns] = entry // weights % sizes[columns]
                entries[entry] = self._one(row) - base
            parts.append((np.array(columns), weights, entries))
        self._table = (base, parts)
        exact = np.allclose(self(probes), values, rtol=1e-12, atol=0.0)
        return self._table if exact else None
