"""The figures of a trust report: rank correlation, spread of seeds, differences with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean of one network minus that of another; low and high are None where nothing tells."""

    value: float
    low: float | None
    high: float | None

    @property
    def verdict(self) -> str:
        """One of "better", "worse", "no clear difference"; "unknown" without an interval."""
        if self.low is None or self.high is None:
            return "unknown"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no clear difference"


def kendall_tau(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Kendall's tau-b; None where fewer than three pairs, or only ties, say nothing."""
    if len(pairs) < 3:
        return None
    from scipy.stats import kendalltau

    tau = float(kendalltau([a for a, _ in pairs], [b for _, b in pairs]).statistic)
    return tau if math.isfinite(tau) else None


def pooled_sd(readings: Mapping[str, Sequence[float]]) -> tuple[float | None, int]:
    """Standard deviation of one training's accuracy from seed to seed, and its degrees of freedom.

    The networks are taken to scatter alike; None where each was trained once.
    """
    several = [values for values in readings.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if freedom == 0:
        return None, 0
    squares = sum(statistics.variance(values) * (len(values) - 1) for values in several)
    return math.sqrt(squares / freedom), freedom


def difference(
    one: Sequence[float], other: Sequence[float], sd: float | None, freedom: int
) -> Difference:
    """The difference of two means, with Student's interval at 95 % from the pooled spread."""
    value = statistics.fmean(one) - statistics.fmean(other)
    if sd is None or freedom == 0:
        return Difference(value, None, None)
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * sd
    half *= math.sqrt(1 / len(one) + 1 / len(other))
    return Difference(value, value - half, value + half)
