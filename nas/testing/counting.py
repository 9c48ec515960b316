"""How a cost by arithmetic is compared with what torch counts."""

from __future__ import annotations

from nas.arithmetic import Cost
from nas.counting import Counted, count
from nas.testing.claims import claim

__all__ = ["Counted", "claim_equal", "count"]


def claim_equal(cost: Cost, counted: Counted, what: str) -> None:
    """Fail where a cost by arithmetic differs from what torch counts, naming each figure."""
    differences = [
        f"{figure} {getattr(cost, figure)} by arithmetic, {getattr(counted, figure)} counted"
        for figure in ("flops", "params", "activations", "weight_bytes")
        if getattr(cost, figure) != getattr(counted, figure)
    ]
    claim(not differences, f"{what}: {'; '.join(differences)}")
