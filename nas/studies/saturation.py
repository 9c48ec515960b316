"""Does growth still pay? Curves of accuracy over FLOPs, fitted together.

Accuracy is taken as a + s log2(ratio) + b (1 - ratio^-2): growth without end and growth that
saturates, in any mixture, over the realised FLOPs ratio. Curves are fitted at once, those from
one network with a common start, by least squares weighted with the number of seeds. The seeds'
luck is pooled over all networks: three seeds of one network say little of it, three of each of
seventeen do (so there is no bootstrap, which with so few seeds is too narrow). Where the networks
lie further from the curves than luck allows, as rounded networks may, their distance counts as the
noise instead. Intervals are Student's.

The paper's Figure 3 is read by eye ("the accuracy gain quickly saturates"); this is the same
question with an interval.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.studies.gains import LEVEL, Estimate, Gains, Noise

Floats = NDArray[np.float64]
# On the scale of doublings, the largest network must lie so far out for a late slope.
_BEYOND = 1.25


@dataclass(frozen=True)
class Grown:
    """The readings of one curve.

    start: the name of what it grows from. larger: (ratio to the start's FLOPs, accuracies) of every
    larger network.
    """

    start: str
    larger: Sequence[tuple[float, Sequence[float]]]

    @property
    def last(self) -> float:
        """The largest ratio; 1 where there is none."""
        return max((ratio for ratio, _ in self.larger), default=1.0)


@dataclass(frozen=True)
class Saturation:
    """Curves fitted together.

    gains: of the curves that have enough networks. split: the ratio that parts early from late.
    noise: what the intervals are made from. columns: curve -> places of its start and of its first
    term in `solution`. covariance: of the solution, in units of squared half-widths.
    """

    gains: Mapping[str, Gains]
    split: float
    noise: Noise
    columns: Mapping[str, tuple[int, int]]
    solution: Floats
    covariance: Floats

    @property
    def common(self) -> float:
        """The largest ratio that all curves reach."""
        return min(each.last for each in self.gains.values())

    def expected(self, name: str, ratio: float) -> Estimate:
        """Accuracy on a curve at `ratio` times its start's FLOPs."""
        return self._estimate(self._at(name, ratio))

    def difference(self, one: str, ratio: float, other: str, other_ratio: float) -> Estimate:
        """Accuracy on a curve above that on another, each at a ratio to its own start."""
        return self._estimate(self._at(one, ratio) - self._at(other, other_ratio))

    def _gains(self, name: str, last: float) -> Gains:
        first, middle, end = (self._at(name, ratio) for ratio in (1.0, self.split, last))
        early = (middle - first) / math.log2(self.split)
        late = (end - middle) / math.log2(last / self.split)
        return Gains(
            self._estimate(early), self._estimate(late), self._estimate(early - late), last
        )

    def _at(self, name: str, ratio: float) -> Floats:
        return _row(self.columns[name], len(self.solution), ratio)

    def _estimate(self, contrast: Floats) -> Estimate:
        variance = float(contrast @ self.covariance @ contrast)
        return Estimate(float(contrast @ self.solution), math.sqrt(max(variance, 0.0)))


def fit_saturation(
    starts: Mapping[str, Sequence[float]],
    curves: Mapping[str, Grown],
    split: float,
    noise: Noise,
) -> Saturation | None:
    """Fit the curves; None where none has two larger networks, one of them well beyond the split.

    starts: accuracies of what curves grow from, by name; curves may share one. A network that lies
    on two curves counts on each, so that their difference is known a little better than is said.
    """
    chosen = {
        name: curve
        for name, curve in curves.items()
        if len({ratio for ratio, _ in curve.larger}) > 1 and curve.last > split**_BEYOND
    }
    if not chosen:
        return None
    used = list(dict.fromkeys(curve.start for curve in chosen.values()))
    columns = {
        name: (used.index(curve.start), len(used) + 2 * place)
        for place, (name, curve) in enumerate(chosen.items())
    }
    size = len(used) + 2 * len(chosen)
    readings = [(np.eye(size)[place], starts[start]) for place, start in enumerate(used)]
    for name, curve in chosen.items():
        readings += [(_row(columns[name], size, ratio), row) for ratio, row in curve.larger]
    design = np.array([row for row, _ in readings])
    y = np.array([np.mean(accuracies) for _, accuracies in readings])
    weights = np.array([len(accuracies) for _, accuracies in readings], dtype=float)
    root = np.sqrt(weights)
    solution = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    left = len(y) - size
    residual = float((weights * (y - design @ solution) ** 2).sum())
    if left and residual / left > noise.sd**2:
        noise = Noise(math.sqrt(residual / left), left)
    half = noise.sd * _student(noise.degrees)
    covariance = half**2 * np.linalg.inv(design.T @ (design * weights[:, None]))
    fitted = Saturation({}, split, noise, columns, solution, covariance)
    gains = {name: fitted._gains(name, curve.last) for name, curve in chosen.items()}
    return dataclasses.replace(fitted, gains=gains)


def _row(columns: tuple[int, int], size: int, ratio: float) -> Floats:
    """The start's accuracy, growth without end, and growth that saturates."""
    row = np.zeros(size)
    start, first = columns
    row[start] = 1.0
    row[first : first + 2] = math.log2(ratio), 1 - ratio**-2.0
    return row


def _student(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + LEVEL / 2, degrees))
