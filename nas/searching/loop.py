"""The search loop: an Optuna study that never pays for a network twice and never loses one.

The working study is in memory; each finished trial goes, whole, to the durable study of the run
folder before its result is used. A resumed search loads those trials and goes on; since each
trial's randomness depends on (seed, number of the question) only, one worker goes on exactly as if
uninterrupted.
"""

from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nas.cost import network_cost
from nas.errors import ConfigError, EvaluationError
from nas.files import write_text_atomic
from nas.ray_workers import RaySettings, RayWorkers
from nas.runs.quiet import quiet_optuna
from nas.runs.records import Run, StudyLog, study_name
from nas.runs.reports import ReportFolder
from nas.searching.ledger import Ledger
from nas.searching.optuna_samplers import trial_seed
from nas.searching.problem import Problem
from nas.searching.pruning import Listener, pruner_of
from nas.searching.sampler_choice import sampler_source
from nas.searching.trial_record import (
    record_failure,
    record_judgement,
    record_network,
    record_pruned,
    record_repeat,
    set_attributes,
)
from nas.searching.unseen import find_unseen
from nas.searching.warm_start import warm_start_answers
from nas.workers import (
    Done,
    Executor,
    InProcess,
    ProcessWorkers,
    Pruned,
    Task,
    WorkerSettings,
)

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from nas.suggest import Suggest

# A sampler that finds nothing new so many times in a row is helped to an unseen network.
DRY_TRIALS = 50
# An evaluator that fails so many times in a row from the start will fail for ever.
HOPELESS_FAILURES = 10
# One that has worked may meet networks that it cannot judge, but not so many in a row.
LOST_FAILURES = 25
# A network that kills its worker so many times is set aside.
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Outcome:
    """A finished search."""

    trials: list[FrozenTrial]
    evaluations: int
    stopped: str
    seconds: float


Observer = Callable[[Ledger], None]


@dataclass
class _Open:
    """A network that is being judged."""

    trial: Trial
    task: Task
    figures: dict[str, float]
    attempts: int = 1


def make_executor(
    problem: Problem,
    run: Run,
    workers: int,
    first: int = 0,
    ray: RaySettings | None = None,
    together: int | None = None,
) -> Executor:
    """Judge here where that is cheap; else in worker processes, numbered from `first`, or on Ray.

    together: workers of all executors of this driver, where there are several.
    Raises: ConfigError where Ray is asked for and not needed; WorkersError where it cannot be had.
    """
    config = problem.config
    if problem.evaluator.cheap:
        if ray is not None:
            raise ConfigError(
                f"--ray is for evaluators that train; '{problem.evaluator.name}' takes "
                "milliseconds and is asked in this process; leave --ray out"
            )
        return InProcess(problem.evaluator, config.seed)
    settings = WorkerSettings(
        config.evaluator,
        problem.space,
        config.seed,
        run.folder / "evaluator",
        problem.worker_options(together or workers),
        pruned=config.pruner != "none",
    )
    if ray is not None:
        return RayWorkers(settings, workers, ray)
    return ProcessWorkers(settings, workers, first)


class Search:
    """One search in one run folder, with one executor."""

    def __init__(
        self,
        problem: Problem,
        run: Run,
        executor: Executor,
        observe: Observer = lambda ledger: None,
    ) -> None:
        self._problem = problem
        self._run = run
        self._executor = executor
        self._observe = observe
        self._ledger = Ledger()
        self._reports = ReportFolder(run.folder / "reports")
        self._listener = Listener(problem, self._reports)
        if isinstance(executor, InProcess):
            executor.listener = self._hear
        self._open: dict[int, _Open] = {}
        self._questions = 0
        # Questions that a power failure took from the file of what was under way; asked again.
        self._lost: deque[int] = deque()

    @property
    def ledger(self) -> Ledger:
        """The finished trials so far."""
        return self._ledger

    def execute(self) -> Outcome:
        """Go on until the evaluations, the time or the space are used up.

        What is under way when the time is up is finished, because it is paid for.
        Raises: NasError if the evaluator cannot work or the storage refuses. KeyboardInterrupt
        passes; every finished evaluation is saved by then.
        """
        started = time.monotonic()
        with quiet_optuna():
            self._log = StudyLog(self._run, self._problem.directions)
            self._study = self._working_study()
            self._sampler = sampler_source(self._problem)
            if not self._problem.evaluator.cheap:
                self._reports.open()
            try:
                stopped = self._loop(started)
            finally:
                self._executor.close()
        if self._pending_file.exists():
            self._pending_file.unlink()
        self._reports.remove()
        seconds = time.monotonic() - started
        return Outcome(self._ledger.trials, self._ledger.evaluations, stopped, seconds)

    def _loop(self, started: float) -> str:
        ended: deque[Done] = deque()
        while True:
            stopped = self._should_stop(started)
            if stopped is None:
                stopped = self._fill()
            if self._open:
                if not ended:
                    ended.extend(self._executor.wait(self._listener.pause))
                if self._listener.pause is not None:
                    self._follow(ended)
                # One at a time: its worker gets a new network before the next answer is filed.
                if ended:
                    self._finish(ended.popleft())
            elif stopped is not None:
                return stopped

    def _should_stop(self, started: float) -> str | None:
        config = self._problem.config
        if self._ledger.evaluations >= config.trials:
            return "all evaluations done"
        timeout = config.timeout_seconds
        if timeout is not None and time.monotonic() - started >= timeout:
            return "time is up"
        return None

    def _fill(self) -> str | None:
        """Ask until every worker is busy; says why where nothing is left to ask."""
        wanted = self._problem.config.trials
        while (
            len(self._open) < self._executor.capacity
            and self._ledger.evaluations + len(self._open) < wanted
        ):
            if self._ledger.dry >= DRY_TRIALS and not self._help_out():
                return "nothing new left to evaluate"
            self._ask()
        return None

    def _ask(self) -> None:
        """One question to the sampler; its network is refused, known, or on its way."""
        from optuna.trial import TrialState

        number = self._lost[0] if self._lost else self._questions
        self._study.sampler = self._sampler.for_trial(number)
        trial = self._study.ask()
        question = trial.user_attrs.get("question")
        if question is None:
            question = number
            trial.set_user_attr("question", question)
            if self._lost:
                self._lost.popleft()
        self._questions = max(self._questions, question + 1)
        # A Trial answers what a space asks; its overloads also allow None, which no space offers.
        arch = self._problem.space.sample(cast("Suggest", trial))
        digest = arch.digest()
        figures, refused = record_network(self._problem, trial, arch)
        if refused is not None:
            self._record(self._study.tell(trial, state=TrialState.PRUNED))
        elif digest in self._ledger.judged:
            self._record(self._answer_from_cache(trial, self._ledger.judged[digest]))
        elif any(entry.task.arch.digest() == digest for entry in self._open.values()):
            # Asked again before it is judged; failed trials are ignored by samplers.
            set_attributes(trial, repeat_of=question)
            self._record(self._study.tell(trial, state=TrialState.FAIL))
        else:
            self._open[question] = _Open(trial, Task(question, arch), figures)
            self._save_pending()
            self._executor.submit(self._open[question].task)

    def _answer_from_cache(self, trial: Trial, earlier: FrozenTrial) -> FrozenTrial:
        from optuna.trial import TrialState

        values = record_repeat(trial, earlier)
        if values is None:
            return self._study.tell(trial, state=TrialState.FAIL)
        return self._study.tell(trial, values)

    def _follow(self, ended: Iterable[Done]) -> None:
        """Hear what the trainings under way have reported."""
        over = {done.key for done in ended}
        for key, entry in self._open.items():
            if key not in over:
                self._listener.follow(entry.trial, entry.task.arch, entry.figures)

    def _hear(self, key: int, epoch: int, value: float) -> bool:
        entry = self._open[key]
        return self._listener.hear(entry.trial, entry.task.arch, entry.figures, epoch, value)

    def _finish(self, done: Done) -> None:
        """Tell the study what became of a network, or try it again if its worker died."""
        from optuna.trial import TrialState

        entry = self._open[done.key]
        if done.killed and entry.attempts < MAX_ATTEMPTS:
            entry.attempts += 1
            self._executor.submit(entry.task)
            return
        del self._open[done.key]
        judgement, trial = done.judgement, entry.trial
        self._listener.finish(trial, entry.task.arch, entry.figures)
        if isinstance(judgement, Pruned):
            record_pruned(trial, judgement, done.seconds)
            self._record(self._study.tell(trial, state=TrialState.PRUNED), entry)
            return
        if isinstance(judgement, str):
            if done.killed:
                network = f"network {entry.task.arch.digest()[:8]}"
                times = f"{entry.attempts} times"
                judgement = f"{network} killed its worker {times}, set aside: {judgement}"
            record_failure(trial, judgement, done.seconds)
            self._record(self._study.tell(trial, state=TrialState.FAIL), entry)
            give_up_if_hopeless(self._ledger, self._problem.evaluator.name)
            return
        record_judgement(trial, judgement, done.seconds)
        cost = network_cost(entry.task.arch)
        values = self._problem.values(judgement, cost, entry.figures)
        self._record(self._study.tell(trial, values), entry)

    def _record(self, finished: FrozenTrial, entry: _Open | None = None) -> None:
        # By its number in the run folder, which is what everything that is written names it by.
        finished = self._log.add(finished)
        if entry is not None:
            # Not before: a search that is killed here hears the same reports again.
            self._reports.forget(entry.task.arch.digest())
        self._ledger.note(finished)
        self._observe(self._ledger)

    def _working_study(self) -> Study:
        """An in-memory study with the recorded trials, and what was under way queued again."""
        import optuna

        study = optuna.create_study(
            # Hyperband sorts trials by the study's name.
            study_name=study_name(self._problem.config),
            directions=self._problem.directions,
            pruner=pruner_of(self._problem),
        )
        for trial in self._log.trials():
            study.add_trial(trial)
        for trial in study.get_trials(deepcopy=False):
            self._ledger.note(trial)
            self._questions = max(self._questions, trial.user_attrs["question"] + 1)
        known = {trial.user_attrs["question"] for trial in self._ledger.trials}
        for pending in self._read_pending():
            if pending["question"] not in known:
                attrs = {"question": pending["question"]}
                study.enqueue_trial(pending["params"], user_attrs=attrs)
                self._questions = max(self._questions, pending["question"] + 1)
                known.add(pending["question"])
        # Refused ones are known too: they were asked already.
        asked = {trial.user_attrs["digest"] for trial in self._ledger.trials}
        for answers in warm_start_answers(self._problem):
            if self._problem.rebuild(answers).digest() not in asked:
                study.enqueue_trial(answers)
        self._lost.extend(n for n in range(self._questions) if n not in known)
        if self._ledger.trials:
            self._observe(self._ledger)
        return study

    @property
    def _pending_file(self) -> Path:
        return self._run.folder / "pending.json"

    def _save_pending(self) -> None:
        # One worker asks the same question again after a kill; several finish out of order, so
        # what they were at must be written down. Finished ones may stay in the file: a resumed
        # search knows them.
        if self._executor.capacity > 1:
            pending = [{"question": q, "params": e.trial.params} for q, e in self._open.items()]
            # Not flushed: `_lost` makes good what a power failure takes.
            write_text_atomic(self._pending_file, json.dumps(pending) + "\n", flush=False)

    def _read_pending(self) -> list[dict[str, Any]]:
        if not self._pending_file.exists():
            return []
        try:
            pending: list[dict[str, Any]] = json.loads(self._pending_file.read_text())
        except ValueError:
            return []  # cut by a power failure
        return pending

    def _help_out(self) -> bool:
        """Queue an unseen network within the bounds; False where there is none."""
        source = random.Random(trial_seed(self._problem.config.seed, self._questions))
        known = set(self._ledger.judged) | self._ledger.refused
        known |= {entry.task.arch.digest() for entry in self._open.values()}
        starts = [trial.params for trial in self._ledger.judged.values()]
        params = find_unseen(self._problem, known, starts, source)
        if params is None:
            return False
        self._study.enqueue_trial(params)
        return True


def give_up_if_hopeless(ledger: Ledger, evaluator: str) -> None:
    """Raises: EvaluationError if the evaluator fails on everything, or has stopped working."""
    if ledger.failures < HOPELESS_FAILURES:
        return
    reason = ledger.trials[-1].user_attrs.get("error", "")
    if ledger.failures == ledger.evaluations:
        raise EvaluationError(
            f"evaluator '{evaluator}' failed on all of the first {ledger.failures} networks; "
            f"the last time: {reason}"
        )
    # Something has gone that was there: images, a GPU. The rest of the budget is not spent on it.
    if ledger.failures >= LOST_FAILURES:
        raise EvaluationError(
            f"evaluator '{evaluator}' failed on {ledger.failures} networks in a row; the last "
            f"time: {reason}; mend that, and the same command goes on"
        )
