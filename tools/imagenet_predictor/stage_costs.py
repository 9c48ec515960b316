"""FLOPs and parameters of the space as sums over stages.

Widths are fixed, so what a stage costs depends on its own four choices alone: a constant and a
table of 7 x 48 numbers hold the exact cost of 1e11 networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.cost import network_cost
from nas.evaluators.imagenet_model import (
    CELLS,
    CHOICES,
    COLUMNS,
    STAGES,
    cells,
    positions,
    stage_sums,
)
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import rebuild
from tools.imagenet_predictor.table import Table


@dataclass(frozen=True)
class StageCosts:
    """constant + table of shape (7, 48), for FLOPs and for parameters, in units."""

    flops_constant: float
    flops_stages: NDArray[np.float64]
    params_constant: float
    params_stages: NDArray[np.float64]

    def flops(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Multiply-adds of convolution and linear layers at 224 px, shape (n,)."""
        return self.flops_constant + stage_sums(self.flops_stages, cells(positions(codes)))

    def params(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Parameters, shape (n,)."""
        return self.params_constant + stage_sums(self.params_stages, cells(positions(codes)))


def stage_costs() -> StageCosts:
    """Ask `nas.cost` for one network per stage and cell."""
    smallest = np.array([CHOICES[column][0] for column in COLUMNS])
    base = _cost(smallest)
    tables = np.zeros((2, STAGES, CELLS))
    for stage in range(STAGES):
        kinds = [CHOICES[f"{kind}{stage}"] for kind in ("e", "k", "l", "se")]
        for choice in np.stack(np.meshgrid(*kinds), axis=-1).reshape(-1, 4):
            codes = smallest.copy()
            codes[stage::STAGES] = choice
            cell = cells(positions(codes[None]))[0, stage]
            tables[:, stage, cell] = _cost(codes) - base
    return StageCosts(base[0], tables[0], base[1], tables[1])


def check_costs(costs: StageCosts, table: Table) -> None:
    """Compare with the table's own columns, where it has them.

    Raises: ValueError where a network costs something else: then codes mean something else.
    """
    for name, ours, theirs in (
        ("FLOPs", costs.flops(table.codes), table.flops),
        ("parameters", costs.params(table.codes), table.params),
    ):
        wrong = np.flatnonzero(np.abs(ours - theirs) > 1)
        if len(wrong):
            row = wrong[0]
            raise ValueError(
                f"{name} of network {table.ids[row]} are {ours[row]:.0f} by nas.cost and "
                f"{theirs[row]:.0f} in {table.source}; are these the networks of space 'mbconv'?"
            )


def _cost(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    space = MBConvSpace()
    paths = space.column_names()
    params = {paths[column]: int(code) for column, code in zip(COLUMNS, codes, strict=True)}
    for path in params:
        if path.endswith(".se"):
            params[path] = bool(params[path])
    cost = network_cost(rebuild(space, params))
    return np.array([cost.flops, cost.params], dtype=float)
