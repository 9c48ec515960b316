"""The prior covariance of accuracy over networks, made for few, noisy readings of many choices.

In units of the readings' variance, it is a sum of six ideas:

- *shared effects*: "more layers help, wherever they are": a slope on the sum over a kind's answers;
- *main effects*: a slope of its own for every answer, and for every (log) cost;
- *bends*: what a question's answers do need neither lie on a line nor rise or fall throughout, so
  each step from one answer to the next has an effect of its own (a random walk along the answers,
  `steps.py`). It came after the others, when tables of effects were seen to pass for noise. It is a
  correction of slopes, so it is a priori a third of the interactions; as large as they, the only
  other amplitude tried, it cost ten evaluations where slopes are enough;
- *saturation*: the more a network costs the less more of it helps, so the costs have their squares
  and products too; these also correct slopes, so they are a priori as small as the bends;
- *interactions*: slopes on products of answers, see `interactions.py`;
- *a smooth rest*: squared-exponential over all columns, with one length scale per kind of question
  and one for the costs.

A model that judges networks already read has a seventh, *the network's own*: what none of these can
express, shared with networks that differ in few answers (an Ornstein-Uhlenbeck kernel, thus of all
orders of interaction). Without it all of that must pass for noise, even where nothing is noisy, and
the mean belittles the best network read. It and the noise start from the same amplitude; which of
the two it is, near networks tell, since under noise they are as unlike as far ones.

Amplitudes, length scales and the noise have wide log-normal priors, stated below with their
reasons. None was computed from data, but a few round values were tried side by side on the
benchmark's main problems while this was written; those of the noise and the length scales were
chosen on a made-up accuracy instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas.samplers.interactions import Interactions
from nas.samplers.parameter import Floats
from nas.samplers.steps import Steps

OFFSET_VARIANCE = 4.0
"""Of the constant: the average of all networks may lie two SDs from the average of those seen."""

JITTER = 1e-6
"""Added to the noise variance, against round-off in the Cholesky factor."""


@dataclass(frozen=True)
class Prior:
    """Log-normal priors of the parameters, in the order of `Kernel`'s vector."""

    center: Floats
    spread: Floats

    def penalty(self, theta: Floats) -> tuple[float, Floats]:
        """Minus the log density (up to a constant) and its gradient."""
        z = (theta - self.center) / self.spread
        return 0.5 * float(z @ z), z / self.spread


class Kernel:
    """The prior covariance; its parameters are logarithms in one vector.

    In order: amplitudes of the linear blocks (shared effects, main effects per group, the
    interactions, saturation, the bends), amplitude of the smooth rest, length scale per group,
    amplitude and length of the network's own (where it has one), noise SD. The last group is the
    costs, which have no shared effect.

    Attributes:
        rest: index of the rest's amplitude, which is also the number of linear blocks.
        own: index of the own amplitude, the end of the length scales.
    """

    def __init__(
        self,
        group: npt.NDArray[np.int64],
        groups: int,
        interactions: Interactions | None = None,
        steps: Steps | None = None,
        with_own: bool = False,
    ) -> None:
        self.group, self.groups = group, groups
        self._steps, self.with_own = steps, steps is not None and with_own
        self._interactions = interactions
        answers = max(int((group < groups - 1).sum()), 1)
        self._membership = np.zeros((len(group), groups - 1))
        for g in range(groups - 1):
            self._membership[group == g, g] = 1 / math.sqrt(answers)
        # Main effects of all answers add up to 0.7 SD, of a cost 0.5 SD (a cost alone explains a
        # good part of accuracy), each kind of interaction to 0.3 SD, saturation and the bends to
        # 0.1 each; the rest 0.8 SD. A typical pair of networks is about sqrt(columns) length
        # scales apart, so that the rest neither vanishes nor is a constant.
        main = [math.log(0.7 / math.sqrt(answers))] * (groups - 1) + [math.log(0.5)]
        widths = () if interactions is None else interactions.widths
        products = [math.log(0.3 / math.sqrt(width)) for width in widths]
        costs = np.flatnonzero(group == groups - 1)
        self._one, self._other = (costs[side] for side in np.triu_indices(len(costs)))
        if len(costs):
            products.append(math.log(0.1 / math.sqrt(len(self._one))))
        if steps is not None:
            products.append(math.log(0.1 / math.sqrt(answers)))
        scales = [math.log(math.sqrt(max(len(group), 1)))] * groups
        # The noise may be anything from nothing to most of what is seen: its prior is the widest.
        # Length scales are held tighter, since a rest that forgets from one network to the next
        # would pass for noise, and every reading would be taken at its word.
        center = [math.log(0.3), *main, *products, math.log(0.8), *scales, math.log(0.2)]
        spread = [1.0, *[0.7] * (groups - 1), 1.0, *[1.0] * len(products), 1.0]
        spread += [*[0.5] * groups, 2.0]
        self.rest = len(main) + len(products) + 1
        self.own = self.rest + 1 + groups
        if self.with_own:
            # As large as the noise, and as far-reaching as the rest: its distance grows by about
            # one with every answer that differs.
            center[-1:-1] = [center[-1], math.log(math.sqrt(answers))]
            spread[-1:-1] = [1.0, 0.5]
        self.prior = Prior(np.array(center), np.array(spread))

    def noise_variance(self, theta: Floats) -> float:
        """Of a reading, jitter included."""
        return math.exp(2 * float(theta[-1])) + JITTER

    def rest_variance(self, theta: Floats) -> float:
        """Of the smooth rest."""
        return math.exp(2 * float(theta[self.rest]))

    def own_variance(self, theta: Floats) -> float:
        """Of the network's own."""
        return math.exp(2 * float(theta[self.own])) if self.with_own else 0.0

    def own_length(self, theta: Floats) -> float:
        """Differences after which a network's own is forgotten."""
        return math.exp(float(theta[self.own + 1])) if self.with_own else 1.0

    def scales(self, theta: Floats) -> Floats:
        """(groups,) logarithms of the length scales."""
        return theta[self.rest + 1 : self.own]

    def blocks(self, x: Floats) -> list[Floats]:
        """Columns, each block with an amplitude, whose products are the linear covariance."""
        main = [x[:, self.group == g] for g in range(self.groups)]
        products = [] if self._interactions is None else self._interactions(x)
        bends = [] if self._steps is None else [self._steps(x)]
        saturation = [x[:, self._one] * x[:, self._other]] if len(self._one) else []
        return [x @ self._membership, *main, *products, *saturation, *bends]

    def own_columns(self, x: Floats) -> Floats:
        """Columns by whose squared distances a network's own is forgotten; else no columns."""
        return self._steps(x) if self._steps and self.with_own else np.empty((len(x), 0))

    def columns(self, x: Floats, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Linear columns, the constant among them; columns in units of their length scales; those
        of the network's own in units of its length.
        """
        offset = np.full((len(x), 1), math.sqrt(OFFSET_VARIANCE))
        amplitudes = np.exp(theta[: self.rest])
        blocks = [a * block for a, block in zip(amplitudes, self.blocks(x), strict=True)]
        scaled = x * np.exp(-self.scales(theta))[self.group]
        # Half of a squared distance is taken below.
        own = self.own_columns(x) * math.sqrt(2 / self.own_length(theta))
        return np.hstack([offset, *blocks]), scaled, own

    def covariance(
        self,
        a: tuple[Floats, Floats, Floats],
        b: tuple[Floats, Floats, Floats],
        rest: float,
        own: float,
    ) -> Floats:
        """Between rows given as `columns` gives them; variances of the rest and of the own."""
        total = a[0] @ b[0].T + rest * _forgotten(a[1], b[1])
        return np.asarray(total + own * _forgotten(a[2], b[2]) if self.with_own else total)


def _forgotten(a: Floats, b: Floats) -> Floats:
    """exp(-half the squared distance) between rows."""
    squares = 0.5 * ((a * a).sum(1)[:, None] + (b * b).sum(1)[None, :])
    return np.asarray(np.exp(np.minimum(a @ b.T - squares, 0.0)))
