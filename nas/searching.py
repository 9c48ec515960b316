"""The search loop: an Optuna study that never pays for a network twice and never loses one.

The working study is in memory; each finished trial goes, whole, to the durable study of the run
folder before the next one starts. A resumed search loads those trials and goes on; since each
trial's randomness depends on (seed, trial number) only, it goes on exactly as if uninterrupted.
"""

from __future__ import annotations

import logging
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nas.cost import network_cost
from nas.errors import EvaluationError
from nas.evaluators.base import Accuracy, EvaluationContext, Score, judge
from nas.problem import Problem
from nas.records import Run, StudyLog
from nas.sampling import TrialSeededSampler, trial_seed
from nas.spec import ArchSpec
from nas.unseen import find_unseen

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

# A sampler that finds nothing new so many times in a row is helped to an unseen network.
DRY_TRIALS = 50
# An evaluator that fails so many times in a row from the start will fail for ever.
HOPELESS_FAILURES = 10


@dataclass
class Ledger:
    """What the trials so far say; made of them alone, so that a resumed search has the same."""

    trials: list[FrozenTrial] = field(default_factory=list)
    judged: dict[str, FrozenTrial] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    failures: int = 0
    dry: int = 0

    def note(self, trial: FrozenTrial) -> None:
        """Take one finished trial into account."""
        self.trials.append(trial)
        attrs = trial.user_attrs
        if "refused" in attrs:
            self.refused.add(attrs["digest"])
            self.dry += 1
        elif "repeat_of" in attrs:
            self.dry += 1
        else:
            self.dry = 0
            self.judged[attrs["digest"]] = trial
            self.failures = self.failures + 1 if "error" in attrs else 0

    @property
    def evaluations(self) -> int:
        """Networks paid for: neither refused nor answered from the cache."""
        return len(self.judged)


@dataclass(frozen=True)
class Outcome:
    """A finished or interrupted search."""

    trials: list[FrozenTrial]
    evaluations: int
    stopped: str
    seconds: float


Observer = Callable[[Ledger], None]


class Search:
    """One search in one run folder."""

    def __init__(self, problem: Problem, run: Run, observe: Observer = lambda ledger: None) -> None:
        self._problem = problem
        self._run = run
        self._observe = observe
        self._ledger = Ledger()

    @property
    def ledger(self) -> Ledger:
        """The trials so far."""
        return self._ledger

    def execute(self) -> Outcome:
        """Go on until the evaluations, the time or the space are used up.

        Raises: NasError if the evaluator cannot work or the storage refuses. KeyboardInterrupt
        passes; every finished evaluation is saved by then.
        """
        started = time.monotonic()
        problem, config = self._problem, self._problem.config
        if not problem.evaluator.cheap:
            folder = self._run.folder / "evaluator"
            problem.evaluator.prepare(EvaluationContext(problem.space, config.seed, folder))
        with quiet_optuna():
            log = StudyLog(self._run, problem.directions)
            study = self._working_study(log)
            sampler = TrialSeededSampler(config.sampler, config.seed)
            while True:
                stopped = self._should_stop(started)
                if stopped is None and self._ledger.dry >= DRY_TRIALS:
                    stopped = self._help_out(study)
                if stopped is not None:
                    break
                study.sampler = sampler.for_trial(len(self._ledger.trials))
                finished = self._one_trial(study)
                log.add(finished)
                self._ledger.note(finished)
                self._observe(self._ledger)
                self._give_up_if_hopeless()
        return Outcome(
            self._ledger.trials, self._ledger.evaluations, stopped, time.monotonic() - started
        )

    def _working_study(self, log: StudyLog) -> Study:
        import optuna

        study = optuna.create_study(directions=self._problem.directions)
        for trial in log.trials():
            study.add_trial(trial)
        for trial in study.get_trials(deepcopy=False):
            self._ledger.note(trial)
        if self._ledger.trials:
            self._observe(self._ledger)
        return study

    def _should_stop(self, started: float) -> str | None:
        config = self._problem.config
        if self._ledger.evaluations >= config.trials:
            return "all evaluations done"
        timeout = config.timeout_seconds
        if timeout is not None and time.monotonic() - started >= timeout:
            return "time is up"
        return None

    def _help_out(self, study: Study) -> str | None:
        """Queue an unseen network within the bounds; where there is none, the search is over."""
        number = len(self._ledger.trials)
        source = random.Random(trial_seed(self._problem.config.seed, number))
        known = set(self._ledger.judged) | self._ledger.refused
        starts = [trial.params for trial in self._ledger.judged.values()]
        params = find_unseen(self._problem, known, starts, source)
        if params is None:
            return "nothing new left to evaluate"
        study.enqueue_trial(params)
        return None

    def _one_trial(self, study: Study) -> FrozenTrial:
        """Ask for a network, judge it unless that is known or forbidden, and tell the study."""
        from optuna.trial import TrialState

        trial = study.ask()
        arch = self._problem.space.sample(trial)
        cost, figures = network_cost(arch), self._problem.figures(arch)
        _set(trial, digest=arch.digest(), **{k: v for k, v in figures.items()})
        violations = self._problem.violations(figures)
        for bound, violation in violations.items():
            trial.set_constraint(bound, violation)
        broken = [bound for bound, violation in violations.items() if violation > 0]
        if broken:
            _set(trial, refused=f"not {' and '.join(broken)}")
            return study.tell(trial, state=TrialState.PRUNED)
        earlier = self._ledger.judged.get(arch.digest())
        if earlier is not None:
            _set(trial, repeat_of=earlier.number)
            copied = ("accuracy", "score", "sd", "source", "error")
            _set(trial, **{k: earlier.user_attrs[k] for k in copied if k in earlier.user_attrs})
            if "error" in earlier.user_attrs:
                return study.tell(trial, state=TrialState.FAIL)
            return study.tell(trial, earlier.values)
        judgement = self._judge(trial, arch)
        if judgement is None:
            return study.tell(trial, state=TrialState.FAIL)
        return study.tell(trial, self._problem.values(judgement, cost, figures))

    def _judge(self, trial: Trial, arch: ArchSpec) -> Accuracy | Score | None:
        """Evaluate; a network that fails is set aside with its reason."""
        started = time.monotonic()
        judgement = judge(self._problem.evaluator, arch, self._problem.config.seed)
        if isinstance(judgement, str):
            _set(trial, error=judgement, seconds=round(time.monotonic() - started, 6))
            return None
        kind = "accuracy" if isinstance(judgement, Accuracy) else "score"
        _set(trial, **{kind: judgement.value}, source=judgement.source, seconds=judgement.seconds)
        if isinstance(judgement, Accuracy) and judgement.sd is not None:
            _set(trial, sd=judgement.sd)
        return judgement

    def _give_up_if_hopeless(self) -> None:
        failures = self._ledger.failures
        if failures >= HOPELESS_FAILURES and failures == self._ledger.evaluations:
            reason = self._ledger.trials[-1].user_attrs.get("error", "")
            raise EvaluationError(
                f"evaluator '{self._problem.evaluator.name}' failed on all of the first "
                f"{failures} networks; the last time: {reason}"
            )


def _set(trial: Trial, **attributes: Any) -> None:
    for name, value in attributes.items():
        trial.set_user_attr(name, value)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna's own log lines and its notes on experimental features, off while we drive it."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
