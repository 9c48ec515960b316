"""An Optuna sampler for architecture spaces: few, dear evaluations, costs known for free.

The accuracy alone is modelled (a Gaussian process, `gaussian_process.py`); FLOPs and the like are
computed, never learned; so the reward's cliff at a FLOPs target is exact. The next network is the
one with the highest expected improvement of the reward (`evolution.py` finds it). A trial's
suggestion is a function of the study's trials, the seed and the trial's number: a search that was
killed continues as if it had not been.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from nas.errors import ConfigError
from nas.samplers.belief import CAREFUL, CHEAP
from nas.samplers.candidates import CandidateSpace, DefineByRun, discover, from_trials
from nas.samplers.evolution import BRIEF, QUICK, WIDE, Effort, best_candidates
from nas.samplers.exact_costs import CostFunction
from nas.samplers.history import signs
from nas.samplers.parameter import Codes, parameter
from nas.samplers.problem import Problem, Reward, plain_accuracy
from nas.samplers.threads import one_thread

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

STARTUP = 8
"""Evaluations before the model speaks. It has an opinion from the second on; eight readings give
the scale of accuracy and of its noise, which is all that its priors leave open."""

EXPLORE_EVERY = 3
DOUBT = 4.0
"""Once there are three times `startup` evaluations, every third suggestion takes the model's SDs
four times as large. The model's parameters are but the most probable ones and its kernel is an idea
of networks, so that it is too sure of what lies far from its readings: searches that met a local
optimum mostly stayed there without this. Before, there is no optimum that one could leave."""

STANDSTILL = 8
"""After so many evaluations without a better network every second suggestion doubts like that,
after twice as many two of three. What is near the best network is mostly known by then; if it is a
local optimum, each further one there is lost. The others still refine."""


class ArchitectureSampler(BaseSampler):
    """Suggests the network to train next.

    Args:
        seed: all randomness comes from it and the trial's number.
        space: define-by-run function that asks its argument for every choice of a network
            (`MBConvSpace().sample`, or a part of your objective). Without it the questions are
            taken from earlier trials, and the first trials are random.
        cost: answers -> named exact costs, {"flops": ..., "params": ...}. They are inputs of the
            model, of `reward` and of `bounds`.
        reward: (accuracies (n,), costs by name (n,)) -> rewards (n,), increasing in accuracy; what
            the search maximises. Default: the accuracy.
        bounds: cost name -> (lowest, highest) allowed; nothing outside is proposed.
        objectives: for a study of several objectives, the name of each in order: a cost's name
            for one that is known exactly; anything else is modelled. Default: all are modelled.
        cheap: the evaluator declares that an evaluation costs about as much as a suggestion; a
            coarser, several times faster search is made.
        startup: finished evaluations before the model is used.

    A trial's accuracy is its user attribute "accuracy" where it has one, else its value (its
    negative where the study minimises). Trials that failed or were pruned carry no accuracy; their
    networks are not proposed again. Running trials count as if they had met expectations.

    Raises: ConfigError for a bound or an objective that names no cost.
    """

    def __init__(
        self,
        *,
        seed: int,
        space: DefineByRun | None = None,
        cost: CostFunction | None = None,
        reward: Reward = plain_accuracy,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        objectives: Sequence[str] | None = None,
        cheap: bool = False,
        startup: int = STARTUP,
    ) -> None:
        if bounds and cost is None:
            raise ConfigError(
                f"bounds on {', '.join(bounds)} need `cost`, a function that names it"
            )
        self._seed, self._space, self._startup = seed, space, max(2, startup)
        self._cost, self._reward, self._objectives = cost, reward, objectives
        self._bounds = dict(bounds or {})
        self._budget = CHEAP if cheap else CAREFUL
        self._cheap = cheap
        self._known: tuple[object, Problem] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Everything remembered can be computed again.
        return {**self.__dict__, "_known": None}

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every question known so far; which of them are asked is decided with the answers."""
        problem = self._problem(study.get_trials(deepcopy=False))
        return {} if problem is None else problem.space.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The answers of the network to evaluate next."""
        trials = study.get_trials(deepcopy=False)
        problem = self._problem(trials)
        if problem is None or not problem.space.parameters:
            return {}
        rng = np.random.default_rng([self._seed, trial.number])
        with one_thread():
            row = self._propose(problem, trials, study, trial.number, rng)
        if row is None:
            return {}
        answers = problem.space.decode(row)
        return {name: value for name, value in answers.items() if name in search_space}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A uniform answer, for a question that was not known beforehand."""
        rng = np.random.default_rng(
            [self._seed, trial.number, zlib.crc32(param_name.encode("utf-8"))]
        )
        levels = parameter(param_name, param_distribution).levels
        return levels[int(rng.integers(len(levels)))]

    def recommend(self, trials: Sequence[FrozenTrial], *, minimise: bool = False) -> FrozenTrial:
        """The evaluated network that is best by all that is known of its kind.

        The highest single reading is mostly a lucky one; the model's mean weighs it with those of
        similar networks. One objective only.

        Raises: ConfigError where no trial has completed within the bounds.
        """
        problem = self._problem(trials)
        complete = [t for t in trials if t.state == TrialState.COMPLETE]
        if problem is None or not complete:
            raise ConfigError("no trial has completed, so there is no network to recommend")
        history = problem.reader.read(trials, np.array([-1.0 if minimise else 1.0]))
        if len(history.numbers) == 0:
            raise ConfigError("no trial has a finite accuracy; see the trials' failures")
        with one_thread():
            expected = problem.expected_rewards(history)
        if not np.isfinite(expected).any():
            raise ConfigError("no completed trial is within the bounds; widen them")
        chosen = history.numbers[int(expected.argmax())]
        return next(t for t in complete if t.number == chosen)

    def doubt(self, number: int, known: int, since_best: int) -> float:
        """What multiplies the model's SDs for trial `number`.

        `known` evaluations have been read, `since_best` of them after the best network's.
        """
        turn = number % (2 * EXPLORE_EVERY)
        exploring = (
            turn % EXPLORE_EVERY == EXPLORE_EVERY - 1
            or (turn == 1 and since_best >= STANDSTILL)
            or (turn == 1 + EXPLORE_EVERY and since_best >= 2 * STANDSTILL)
        )
        return DOUBT if exploring and known >= 3 * self._startup else 1.0

    def _problem(self, trials: Sequence[FrozenTrial]) -> Problem | None:
        """The problem, known once for a given space; else as far as the trials show it."""
        if self._space is not None:
            if self._known is None:
                found = discover(self._space)
                if not found.parameters:
                    raise ConfigError("the search space asks no question of any random network")
                self._known = (None, self._problem_of(found))
            return self._known[1]
        seen = [t for t in trials if t.state == TrialState.COMPLETE and t.distributions]
        if not seen:
            return None
        kinds = tuple((t.number, t.datetime_complete) for t in seen)
        if self._known is None or self._known[0] != kinds:
            found = from_trials([t.distributions for t in seen], [t.params for t in seen])
            before = self._known[1] if self._known else None
            # Questions and rules that did not change keep what was computed for them.
            same = before is not None and before.space.signature == found.signature
            self._known = (kinds, before if before and same else self._problem_of(found))
        return self._known[1]

    def _problem_of(self, found: CandidateSpace) -> Problem:
        return Problem(
            found, self._cost, self._reward, self._bounds, self._objectives, self._budget
        )

    def _propose(
        self,
        problem: Problem,
        trials: Sequence[FrozenTrial],
        study: Study,
        number: int,
        rng: np.random.Generator,
    ) -> Codes | None:
        history = problem.reader.read(trials, signs(study.directions), asking=number)
        if len(history.numbers) < self._startup:
            return problem.spread_out(history, rng)
        known = len(history.numbers)
        aim = problem.aim(history, rng, partial(self.doubt, number, known))
        effort = self._effort(aim.doubt, known)
        ranked = best_candidates(aim.merit, problem.space, aim.parents, effort, rng, history.taken)
        return np.asarray(ranked[0]) if len(ranked) else problem.spread_out(history, rng)

    def _effort(self, doubt: float, known: int) -> Effort:
        if self._cheap:
            return QUICK
        if self._budget.late(known):
            return BRIEF
        # With doubt, the best candidates lie everywhere; without, mostly near the known ones.
        return WIDE if doubt > 1 else Effort()
