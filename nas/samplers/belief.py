"""Which readings the model learns from, and when its kernel parameters are learnt anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nas.samplers.gaussian_process import Posterior, learn
from nas.samplers.history import without_collapses
from nas.samplers.kernel import Kernel
from nas.samplers.parameter import Floats


@dataclass(frozen=True)
class Budget:
    """How much a suggestion may cost.

    Attributes:
        rows: readings that the model holds at most; the work grows with their square.
        growth: kernel parameters are learnt anew when there are 1/growth more readings.
    """

    rows: int
    growth: int

    def late(self, count: int) -> bool:
        """A search with so many readings is near its best: less is to be seen, and suggestions
        stay fast.
        """
        return count > 2 * self.rows


CAREFUL = Budget(rows=200, growth=10)
CHEAP = Budget(rows=96, growth=3)

MOST_REMEMBERED = 64


class Believer:
    """Builds posteriors; remembers kernel parameters, as a function of what they came from.

    Nothing here depends on what was asked before: a resumed process learns the same parameters
    from the same readings, and only pays for them again.
    """

    def __init__(self, kernel: Kernel, budget: Budget) -> None:
        self._kernel, self._budget = kernel, budget
        self._known: dict[bytes, Floats] = {}

    def posterior(self, x: Floats, y: Floats, merit: Floats) -> Posterior:
        """Belief after readings `y` (rows,) at `x`, in order of trials.

        `merit` (rows,) says which rows matter most where there are too many.
        """
        y = without_collapses(y)
        learnt = _last_milestone(len(y), self._budget.growth)
        early = _most_telling(merit[:learnt], self._budget.rows)
        theta = self._parameters(x[:learnt][early], y[:learnt][early])
        most = self._budget.rows * 5 // 8 if self._budget.late(len(y)) else self._budget.rows
        rows = _most_telling(merit, most)
        return Posterior(self._kernel, theta, x[rows], y[rows])

    def _parameters(self, x: Floats, y: Floats) -> Floats:
        key = x.tobytes() + y.tobytes()
        if key not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = learn(self._kernel, x, y)
        return self._known[key]


def _last_milestone(count: int, growth: int) -> int:
    """The largest number of readings, at most `count`, at which parameters are learnt."""
    milestone = min(count, 2)
    while (following := milestone + max(1, milestone // growth)) <= count:
        milestone = following
    return milestone


def _most_telling(merit: Floats, most: int) -> slice | np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Two thirds by merit, one third the latest: what is good, and what was asked to learn."""
    if len(merit) <= most:
        return slice(None)
    recent = np.arange(len(merit) - most // 3, len(merit))
    order = np.argsort(-merit[: recent[0]], kind="stable")[: most - len(recent)]
    return np.sort(np.concatenate([order, recent]))
