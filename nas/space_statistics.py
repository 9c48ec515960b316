"""How large a space is, what its networks cost, and how many of them fit a target.

All from uniform random draws. A draw counts for the product of the numbers of choices it met: the
mean of these products is the number of answer sets (Knuth 1975, on estimating tree sizes), and
draws weighted by them stand for all answer sets alike. Where every draw meets the same choices the
size is exact and all weights are equal.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nas.archs import resized
from nas.cost import network_cost
from nas.errors import SpaceError, SpecError
from nas.extremes import flops_range
from nas.space import SearchSpace
from nas.suggest import RandomSuggest

__all__ = ["Estimate", "SpaceSample", "flops_range", "sample_space"]


@dataclass(frozen=True)
class Estimate:
    """A number of answer sets with its standard error.

    `hits` is how many draws it rests on. With none, the standard error says nothing; then
    `at_most` (95 % sure, by the rule of three) does.
    """

    networks: float
    standard_error: float
    hits: int
    at_most: float | None = None


@dataclass(frozen=True)
class SpaceSample:
    """Draws of one space: FLOPs and weight of each, shapes (samples,).

    `size` is exact where every draw met the same choices (`exact`). `impossible` draws, which the
    space or a block refused, have weight 0 and FLOPs -1. `largest` and `smallest` are FLOPs by
    descent, not of the draws.
    """

    space: str
    seed: int
    questions: tuple[int, int]
    resolutions: tuple[int, ...]
    exact: bool
    paths: int
    impossible: int
    smallest: int
    largest: int
    flops: NDArray[np.int64]
    weights: NDArray[np.float64]

    @cached_property
    def size(self) -> Estimate:
        """The number of answer sets of the whole space."""
        if self.exact:
            return Estimate(float(self.paths), 0.0, len(self.flops))
        return self._estimate(self.flops >= 0)

    @property
    def median(self) -> int:
        """FLOPs that half of the answer sets stay at or below (estimated)."""
        order = np.argsort(self.flops, kind="stable")
        reached = np.cumsum(self.weights[order])
        return int(self.flops[order][np.searchsorted(reached, reached[-1] / 2)])

    def at_or_below(self, target_flops: int) -> Estimate:
        """How many answer sets cost at most `target_flops`."""
        return self._estimate((self.flops >= 0) & (self.flops <= target_flops))

    def near(self, target_flops: int, tolerance: float = 0.05) -> Estimate:
        """How many answer sets cost within `tolerance` (a fraction) of `target_flops`."""
        distance = np.abs(self.flops - target_flops)
        return self._estimate((self.flops >= 0) & (distance <= tolerance * target_flops))

    def _estimate(self, hit: NDArray[np.bool_]) -> Estimate:
        counted = np.where(hit, self.weights, 0.0)
        samples, hits = len(counted), int(hit.sum())
        error = float(counted.std(ddof=1)) / samples**0.5 if samples > 1 else 0.0
        at_most = None if hits else 3 / samples * float(self.weights.mean())
        return Estimate(float(counted.mean()), error, hits, at_most)


def sample_space(
    space: SearchSpace,
    *,
    samples: int = 10_000,
    seed: int = 0,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
) -> SpaceSample:
    """Draw `samples` networks of `space` and price them; the settings replace the networks' own.

    Raises: SpaceError if no draw is a possible network.
    """
    low, high = flops_range(
        space, seed=seed, resolution=resolution, classes=classes, in_channels=in_channels
    )
    source = random.Random(seed)
    flops = np.full(samples, -1, dtype=np.int64)
    weights = np.zeros(samples)
    asked: set[frozenset[tuple[str, tuple[object, ...]]]] = set()
    resolutions: set[int] = set()
    questions: set[int] = set()
    paths = 0
    for index in range(samples):
        suggest = RandomSuggest(source)
        try:
            arch = resized(
                space.sample(suggest),
                resolution=resolution,
                classes=classes,
                in_channels=in_channels,
            )
            flops[index] = network_cost(arch).flops
        except SpecError:
            continue
        paths = suggest.paths
        weights[index] = paths
        asked.add(frozenset(suggest.choices.items()))
        resolutions.add(arch.resolution)
        questions.add(len(suggest.params))
    impossible = int((flops < 0).sum())
    possible = flops[flops >= 0]
    if not len(possible):
        raise SpaceError(
            f"none of {samples} random networks of '{space.name}' is possible; draw more of them"
        )
    return SpaceSample(
        space=space.name,
        seed=seed,
        questions=(min(questions), max(questions)),
        resolutions=tuple(sorted(resolutions)),
        exact=len(asked) == 1 and impossible == 0,
        paths=paths,
        impossible=impossible,
        smallest=min(low, int(possible.min())),
        largest=max(high, int(possible.max())),
        flops=flops,
        weights=weights,
    )
