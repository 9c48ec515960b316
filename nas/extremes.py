"""The cheapest and the dearest network of a space.

Random draws miss both by far: of the 1e11 networks of `mbconv` one is the smallest. So the search
starts from sampled extremes and changes one answer at a time while that helps. Where answers do
not work against each other, as in `mbconv`, the result is exact; elsewhere it is the best found.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nas.archs import resized
from nas.cost import network_cost
from nas.errors import SpaceError, SpecError
from nas.space import SearchSpace
from nas.suggest import FixedSuggest

STARTS = 3
"""From how many sampled extremes the search starts: one may end in a dead end."""


@dataclass(frozen=True)
class _Candidate:
    """A priced network with its answers, and what else could have been answered."""

    flops: int
    params: Mapping[str, Any]
    choices: Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class _Pricing:
    """Prices answers; what they leave open is answered at random, the same way every time."""

    space: SearchSpace
    seed: int
    settings: Mapping[str, int | None]

    def price(self, params: Mapping[str, Any], source: random.Random) -> _Candidate:
        """The network of these answers. Raises: SpecError where the space or a block refuses it."""
        suggest = FixedSuggest(params, otherwise=source)
        arch = resized(self.space.sample(suggest), **self.settings)
        return _Candidate(network_cost(arch).flops, suggest.params, suggest.choices)

    def draw(self, samples: int) -> list[_Candidate]:
        """Random networks, cheapest first, without the refused ones.

        Raises: SpaceError, with a reason, if all are refused.
        """
        source = random.Random(self.seed)
        drawn, reason = [], ""
        for _ in range(samples):
            try:
                drawn.append(self.price({}, source))
            except SpecError as error:
                reason = str(error)
        if not drawn:
            raise SpaceError(
                f"none of {samples} random networks of '{self.space.name}' is possible; "
                f"the last one: {reason}"
            )
        return sorted(drawn, key=lambda candidate: candidate.flops)

    def improve(
        self, start: _Candidate, sign: int, names: Collection[str] | None = None
    ) -> _Candidate:
        """Change one answer at a time while FLOPs times `sign` fall.

        A change that opens new questions is judged after these have been answered as well as can
        be. `names` limits the changes to some questions.
        """
        best, improved = start, True
        while improved:
            improved = False
            for name in list(best.params):
                if names is not None and name not in names:
                    continue
                # An earlier change may have closed this question.
                for choice in best.choices.get(name, ()):
                    source = random.Random(self.seed)
                    try:
                        found = self.price({**best.params, name: choice}, source)
                    except SpecError:
                        continue
                    opened = set(found.params) - set(best.params)
                    if opened and names is None:
                        found = self.improve(found, sign, opened)
                    if sign * found.flops < sign * best.flops:
                        best, improved = found, True
        return best


def flops_range(
    space: SearchSpace,
    *,
    seed: int = 0,
    samples: int = 300,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
) -> tuple[int, int]:
    """FLOPs of the smallest and the largest network of `space`.

    The settings, where given, replace those of every network. Deterministic for a seed.
    Raises: SpaceError if no sample is a possible network.
    """
    settings = {"resolution": resolution, "classes": classes, "in_channels": in_channels}
    pricing = _Pricing(space, seed, settings)
    drawn = pricing.draw(samples)
    smallest = min(pricing.improve(start, 1).flops for start in drawn[:STARTS])
    largest = max(pricing.improve(start, -1).flops for start in drawn[-STARTS:])
    return smallest, largest
