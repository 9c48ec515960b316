"""What is searched for: a space, its exact costs, the reward, and how good a candidate may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nas.errors import ConfigError
from nas.samplers.belief import Believer, Budget
from nas.samplers.candidates import CandidateSpace
from nas.samplers.evolution import Merit
from nas.samplers.exact_costs import CostFunction, ExactCosts
from nas.samplers.features import Features
from nas.samplers.gaussian_process import Posterior
from nas.samplers.history import History, Reader, without_collapses
from nas.samplers.improvement import (
    expected_chebyshev,
    expected_hypervolume,
    log_expected_improvement,
)
from nas.samplers.kernel import Kernel
from nas.samplers.parameter import Codes, Floats

Reward = Callable[[Floats, Mapping[str, Floats]], Floats]

Doubt = Callable[[int], float]
"""Evaluations since the best network was read -> what multiplies the model's SDs."""

PARENTS = 10
"""Known networks from which the evolution starts."""

MARGIN = 2.0
"""Noise SDs that an improvement must have to count. Where readings are noisy, smaller gains cannot
be told from luck, and chasing them keeps a search at its first good network; without noise (which
is learnt) the margin vanishes. Of 0, 1, 2 and 4 SDs, about, 2 did best on the benchmark's main
problem with noise."""

OUTSIDE = -1e6
"""Merit of a candidate outside the bounds: below all others, yet ordered by how far outside."""


def plain_accuracy(accuracy: Floats, costs: Mapping[str, Floats]) -> Floats:
    """The reward where cost does not matter."""
    return accuracy


@dataclass(frozen=True)
class Aim:
    """What the next network should be.

    Attributes:
        merit: the figure that it should maximise.
        parents: (rows, parameters) good known networks to start from, the best first.
        doubt: what multiplied the model's SDs.
    """

    merit: Merit
    parents: Codes
    doubt: float


class Problem:
    """One space and purpose; answers how good candidates may be, given a history."""

    def __init__(
        self,
        space: CandidateSpace,
        cost: CostFunction | None,
        reward: Reward,
        bounds: Mapping[str, tuple[float, float]],
        objectives: Sequence[str] | None,
        budget: Budget,
    ) -> None:
        self.space, self.reader = space, Reader(space)
        self._costs = None if cost is None else ExactCosts(cost, space)
        self._cost_names = () if self._costs is None else self._costs.names
        for name in bounds:
            if name not in self._cost_names:
                raise ConfigError(
                    f"bound on '{name}', which is no cost; there are {', '.join(self._cost_names)}"
                )
        self._reward, self._bounds, self._objectives = reward, bounds, objectives
        self._features = Features(space, len(self._cost_names))
        features = self._features
        parts = (features.group, features.groups, features.interactions, features.steps)
        self._believer = Believer(Kernel(*parts), budget)
        self._judge = Believer(Kernel(*parts, with_own=True), budget)

    def aim(self, history: History, rng: np.random.Generator, doubt: Doubt) -> Aim:
        """What to look for next. The SDs are multiplied only where one accuracy is modelled."""
        costs = self._costs_of(history.codes)
        x = self._inputs(history.codes, costs)
        allowed = np.where(self._excess(costs) > 0, -np.inf, 0.0)
        if history.readings.shape[1] > 1:
            figure, standing = self._several(history, x, costs, rng)
            factor = doubt(0)
        else:
            figure, standing, factor = self._single(history, x, costs, allowed, doubt)
        chance = self._feasibility(history, x, standing)

        def merit(codes: Codes) -> Floats:
            if len(codes) == 0:
                return np.empty(0)
            costs = self._costs_of(codes)
            inputs = self._inputs(codes, costs)
            value = figure(inputs, costs) + chance(inputs)
            excess = self._excess(costs)
            value = np.where(excess > 0, OUTSIDE * (1 + excess), value)
            return np.where(np.isnan(costs).any(axis=1) | np.isnan(value), -np.inf, value)

        best = np.argsort(-(standing + allowed), kind="stable")[:PARENTS]
        return Aim(merit, history.codes[best], factor)

    def expected_rewards(self, history: History) -> Floats:
        """(rows,) the model's mean reward of the finished trials; -inf outside the bounds."""
        costs = self._costs_of(history.codes)
        expected = history.readings[:, 0]
        if len(expected) > 1:
            x = self._inputs(history.codes, costs)
            # With the network's own; suggestions gained nothing by it and would take longer.
            merit = self._rewards(expected, costs)
            mean = self._judge.posterior(x, expected, merit).mean(x)
            # A collapse is judged by what was read, not by the floor it was raised to.
            expected = np.where(without_collapses(expected) > expected, expected, mean)
        broken = (np.nan_to_num(history.constraints) > 0).any(axis=1) | (self._excess(costs) > 0)
        return np.where(broken, -np.inf, self._rewards(expected, costs))

    def spread_out(self, history: History, rng: np.random.Generator) -> Codes | None:
        """A random network within the bounds, the least like the known ones of a few.

        Returns: None where the space yields no network at all; a known one where it is exhausted.
        """
        drawn = self.space.draw(rng, 64)
        if len(drawn) == 0:
            return None
        costs = self._costs_of(drawn)
        excess = np.where(np.isnan(costs).any(axis=1), np.inf, self._excess(costs))
        taken = np.array([row.tobytes() in history.taken for row in drawn])
        # Best of four only: the farthest of many would be a corner of the space every time.
        order = np.lexsort([np.arange(len(drawn)), np.maximum(excess, 0.0), taken])[:4]
        order = order[excess[order] <= max(0.0, excess[order[0]])]
        known = np.vstack([history.codes, history.pending])
        if len(known) == 0:
            return np.asarray(drawn[order[0]])
        shared = (drawn[order][:, None, :] == known[None, :, :]).sum(axis=2).max(axis=1)
        return np.asarray(drawn[order[int(shared.argmin())]])

    def _single(
        self, history: History, x: Floats, costs: Floats, allowed: Floats, doubt: Doubt
    ) -> tuple[Callable[[Floats, Floats], Floats], Floats, float]:
        readings = history.readings[:, 0]
        belief = self._belief(x, readings, self._rewards(readings, costs))
        accuracy = belief.mean(x)
        standing = self._rewards(accuracy, costs)
        met = ~(np.nan_to_num(history.constraints) > 0).any(axis=1)
        usable = np.isfinite(allowed) & met
        pool = np.flatnonzero(usable) if usable.any() else np.arange(len(standing))
        best = int(pool[standing[pool].argmax()])
        factor = doubt(len(standing) - 1 - best)
        clear = accuracy[best : best + 1] + MARGIN * belief.noise
        target = float(self._rewards(clear, costs[best : best + 1])[0])
        if len(history.pending):
            in_flight = self._inputs(history.pending, self._costs_of(history.pending))
            belief = belief.believing(in_flight)

        def figure(inputs: Floats, costs: Floats) -> Floats:
            mean, sd = belief.predict(inputs)
            value = self._rewards(mean, costs)
            # Rewards increase with accuracy; their SD is taken from one SD of accuracy.
            spread = np.maximum(self._rewards(mean + factor * sd, costs) - value, 1e-12)
            return log_expected_improvement(value, spread, target)

        return figure, standing, factor

    def _several(
        self, history: History, x: Floats, costs: Floats, rng: np.random.Generator
    ) -> tuple[Callable[[Floats, Floats], Floats], Floats]:
        readings = history.readings
        names = self._objectives or [""] * readings.shape[1]
        if len(names) != readings.shape[1]:
            raise ConfigError(
                f"{len(names)} objectives are named ({', '.join(names)}), but the study has "
                f"{readings.shape[1]}"
            )
        exact = [self._cost_names.index(n) if n in self._cost_names else None for n in names]
        # How many others beat a trial in everything; the front itself has none.
        beaten = (readings[None] > readings[:, None]).all(axis=2).sum(axis=1)
        standing = -beaten.astype(np.float64)
        beliefs: list[Posterior | float] = []
        for column, cost in enumerate(exact):
            if cost is None:
                beliefs.append(self._belief(x, readings[:, column], standing))
            else:
                beliefs.append(float(history.signs[column]))
        in_flight_costs = self._costs_of(history.pending)
        in_flight = self._inputs(history.pending, in_flight_costs)

        def judge(inputs: Floats, costs: Floats) -> tuple[Floats, Floats]:
            means = np.empty((len(inputs), len(beliefs)))
            sds = np.zeros_like(means)
            for column, (belief, cost) in enumerate(zip(beliefs, exact, strict=True)):
                if isinstance(belief, Posterior):
                    means[:, column], sds[:, column] = belief.predict(inputs)
                else:
                    means[:, column] = belief * costs[:, cost]
            return means, sds

        known, _ = judge(np.vstack([x, in_flight]), np.vstack([costs, in_flight_costs]))
        if len(in_flight):
            beliefs = [b.believing(in_flight) if isinstance(b, Posterior) else b for b in beliefs]
        reference = readings.min(axis=0)
        weights = rng.dirichlet(np.ones(len(beliefs)))
        draws = rng.standard_normal((32, 1, len(beliefs)))

        def figure(inputs: Floats, costs: Floats) -> Floats:
            means, sds = judge(inputs, costs)
            if means.shape[1] == 2:
                gain = expected_hypervolume(means, sds, known, reference)
            else:
                gain = expected_chebyshev(means, sds, known, reference, weights, draws)
            return np.log(np.maximum(gain, 1e-300))

        return figure, standing

    def _feasibility(
        self, history: History, x: Floats, standing: Floats
    ) -> Callable[[Floats], Floats]:
        """Log probability that measured constraints (`trial.set_constraint`) are met."""
        from scipy.special import log_ndtr

        beliefs = []
        for column in history.constraints.T:
            known = np.isfinite(column)
            # A constraint that was met, or broken, by all is no boundary that could be modelled.
            if known.sum() >= 2 and (column[known] > 0).sum() > 0:
                beliefs.append(self._belief(x[known], -column[known], standing[known]))

        def chance(inputs: Floats) -> Floats:
            total = np.zeros(len(inputs))
            for belief in beliefs:
                mean, sd = belief.predict(inputs)
                total += log_ndtr(mean / sd)
            return total

        return chance

    def _belief(self, x: Floats, readings: Floats, merit: Floats) -> Posterior:
        return self._believer.posterior(x, readings, merit)

    def _costs_of(self, codes: Codes) -> Floats:
        return np.empty((len(codes), 0)) if self._costs is None else self._costs(codes)

    def _inputs(self, codes: Codes, costs: Floats) -> Floats:
        shown = costs if self._costs is None else self._costs.coordinates(costs)
        return self._features(codes, shown)

    def _rewards(self, accuracy: Floats, costs: Floats) -> Floats:
        named = dict(zip(self._cost_names, costs.T, strict=True))
        return np.asarray(self._reward(accuracy, named), dtype=np.float64)

    def _excess(self, costs: Floats) -> Floats:
        """How far outside the bounds, relative to them; at most 0 inside."""
        worst = np.full(len(costs), -np.inf)
        for name, (low, high) in self._bounds.items():
            cost = costs[:, self._cost_names.index(name)]
            beyond = np.maximum(low - cost, cost - high)
            worst = np.maximum(worst, beyond / np.maximum(np.abs(cost), 1e-300))
        return worst
