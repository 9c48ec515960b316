"""`--filter zero-cost:0.5`: networks whose score is poor for their FLOPs are refused untrained.

A score ranks networks of equal FLOPs, somewhat; and it grows with FLOPs whatever they are spent on.
So what counts is how far a score lies above what random networks within the bounds have at the
same FLOPs, and KEEP is the part of those random networks that would pass.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.evaluators.base import EvaluationContext, Evaluator, gives_scores
from nas.plugins import load_evaluator
from nas.space import SearchSpace, random_network
from nas.spec import ArchSpec

SAMPLE = 64
"""Random networks that the line is drawn by: 10 s of log-synflow, and a kept part of a half is
known to 6 points (binomial SD)."""

FEWEST = 16
MOST_DRAWS = 5000


@dataclass(frozen=True)
class FilterSettings:
    """Whose scores, and the part of random networks that passes."""

    evaluator: str
    keep: float

    @classmethod
    def parse(cls, text: str) -> FilterSettings:
        """Read "zero-cost:0.5". Raises: ConfigError in one line."""
        evaluator, separator, part = text.rpartition(":")
        try:
            keep = float(part)
        except ValueError:
            keep = math.nan
        if not separator or not evaluator or not 0 < keep < 1:
            raise ConfigError(
                f"--filter {text} is not EVALUATOR:KEEP with KEEP between 0 and 1; "
                "write for example zero-cost:0.5"
            )
        return cls(evaluator, keep)


class FirstFilter:
    """Scores networks and says which are refused; the same for the same settings and seed."""

    def __init__(
        self,
        settings: FilterSettings,
        space: SearchSpace,
        meets_bounds: Callable[[ArchSpec], bool],
        seed: int,
        scores: dict[str, float] | None = None,
    ) -> None:
        """scores: digest -> what is known already; new ones are added.

        Raises: ConfigError where the evaluator gives no scores, or only after a training.
        """
        evaluator: Evaluator = load_evaluator(settings.evaluator)()
        if not gives_scores(evaluator) or not evaluator.cheap:
            raise ConfigError(
                f"--filter needs an evaluator that scores without training; '{evaluator.name}' "
                "does not; use zero-cost"
            )
        evaluator.prepare(EvaluationContext(space, seed))
        self._settings, self._evaluator = settings, evaluator
        self._space, self._meets_bounds, self._seed = space, meets_bounds, seed
        self._scores = {} if scores is None else scores

    @property
    def name(self) -> str:
        """What a network must be: "zero-cost score in the best 50 % for its FLOPs"."""
        return f"{self._evaluator.name} score in the best {self._settings.keep:.0%} for its FLOPs"

    def describe(self) -> str:
        """A line for before the search."""
        source = getattr(self._evaluator, "source", self._evaluator.name)
        return (
            f"networks are refused untrained without a {self.name}, of {SAMPLE} random ones "
            f"within the bounds; {source}"
        )

    def score(self, arch: ArchSpec) -> float:
        """The evaluator's score, computed once for a network."""
        digest = arch.digest()
        if digest not in self._scores:
            self._scores[digest] = self._evaluator.evaluate(arch, seed=self._seed).value
        return self._scores[digest]

    def shortfall(self, arch: ArchSpec) -> float:
        """How far a score lies below the line, in what the line is drawn in; passes at 0 or less.

        Raises: ConfigError if too few random networks are within the bounds to draw one.
        """
        return self._line.shortfall(self.score(arch), network_cost(arch).flops)

    @cached_property
    def _line(self) -> _Line:
        source = random.Random(self._seed)
        drawn: dict[str, ArchSpec] = {}
        for _ in range(MOST_DRAWS):
            if len(drawn) == SAMPLE:
                break
            arch, _suggest = random_network(self._space, source)
            if self._meets_bounds(arch):
                drawn[arch.digest()] = arch
        if len(drawn) < FEWEST:
            raise ConfigError(
                f"only {len(drawn)} of {MOST_DRAWS:,} random networks are within the bounds, too "
                "few for --filter to compare with; leave it out, or widen the bounds"
            )
        scores = np.array([self.score(arch) for arch in drawn.values()])
        flops = np.array([float(network_cost(arch).flops) for arch in drawn.values()])
        return _Line.fitted(scores, flops, self._settings.keep)


@dataclass(frozen=True)
class _Line:
    """score, or log score, = intercept + slope * log FLOPs: a KEEP of the networks lies above."""

    intercept: float
    slope: float
    logarithmic: bool

    @classmethod
    def fitted(cls, scores: Any, flops: Any, keep: float) -> _Line:
        logarithmic = bool((scores > 0).all())
        shown = np.log(scores) if logarithmic else scores
        slope, intercept = np.polyfit(np.log(flops), shown, 1)
        above = shown - (intercept + slope * np.log(flops))
        lift = float(np.quantile(above, 1 - keep))
        return cls(float(intercept) + lift, float(slope), logarithmic)

    def shortfall(self, score: float, flops: int) -> float:
        if self.logarithmic:
            score = math.log(score) if score > 0 else -math.inf
        # Finite, because it is stored.
        return min(self.intercept + self.slope * math.log(flops) - score, 1e9)
