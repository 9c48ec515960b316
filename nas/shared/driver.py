"""A search by several drivers at once: the same command on several machines, one database.

Each driver runs `study.optimize` on the same study, one trial at a time for each of its workers, by
the rules of `nas.searching.loop`: a network beyond a bound is refused unpaid, a repeat is answered
from the study, and `--trials` counts the evaluations of all drivers together, without overshoot. A
driver that dies falls silent; the others fail its trials and queue them again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import cast

import optuna
from optuna import Trial
from optuna.exceptions import TrialPruned, UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from nas.cost import network_cost
from nas.errors import RunError
from nas.runs.quiet import quiet_optuna
from nas.runs.records import Run
from nas.runs.reports import ReportFolder
from nas.searching.ledger import Ledger
from nas.searching.loop import (
    DRY_TRIALS,
    MAX_ATTEMPTS,
    Observer,
    Outcome,
    give_up_if_hopeless,
)
from nas.searching.numbered_sampler import NumberedSampler
from nas.searching.optuna_samplers import trial_seed
from nas.searching.problem import Problem
from nas.searching.pruning import LEISURE_SECONDS, Listener, pruner_of
from nas.searching.sampler_choice import sampler_source
from nas.searching.trial_record import (
    judgement_attributes,
    record_failure,
    record_judgement,
    record_network,
    record_pruned,
    record_repeat,
    set_attributes,
)
from nas.searching.unseen import find_unseen
from nas.shared.claims import INTERRUPTED, SURPLUS, claims, settled
from nas.shared.database_url import shown_url
from nas.shared.storage import PatientStorage, SharedSettings, lost_connection, open_storage
from nas.shared.study import SharedStudy
from nas.spec import ArchSpec
from nas.suggest import Suggest
from nas.workers import Done, Executor, Pruned, Task

# How often a driver with nothing to do looks whether the others are done.
POLL_SECONDS = 1.0


class _NoAnswerError(Exception):
    """A trial that ends without values, for the reason that its attributes tell."""


class _Board:
    """What the finished trials say, for all threads of one driver."""

    def __init__(self, observe: Observer) -> None:
        self.ledger = Ledger()
        self._observe = observe
        self._noted: set[int] = set()
        self._lock = threading.Lock()

    def note(self, trials: Sequence[FrozenTrial]) -> None:
        """Take into account what has finished since, in the order of the trials' numbers."""
        with self._lock:
            fresh = [t for t in trials if t.state.is_finished() and t.number not in self._noted]
            for trial in fresh:
                self._noted.add(trial.number)
                counted = settled(trial)
                if counted is not None:
                    self.ledger.note(counted)
            if fresh and self.ledger.trials:
                self._observe(self.ledger)


class SharedSearch:
    """One driver of a shared search, with an executor for each of its workers."""

    def __init__(
        self,
        problem: Problem,
        run: Run,
        executors: Sequence[Executor],
        observe: Observer = lambda ledger: None,
        settings: SharedSettings | None = None,
    ) -> None:
        self._problem = problem
        self._run = run
        self._executors = executors
        self._settings = settings or SharedSettings()
        self._board = _Board(observe)
        self._reports = ReportFolder(run.folder / "reports")
        self._stopping = threading.Event()

    @property
    def ledger(self) -> Ledger:
        """The finished trials of all drivers so far."""
        return self._board.ledger

    def execute(self) -> Outcome:
        """Go on until all drivers together have used up the evaluations, or the space.

        A driver that finds the last evaluations under way elsewhere waits for them, so that it has
        the whole result, and can take over if their driver dies.
        Raises: NasError if the evaluator cannot work or the database stays away. KeyboardInterrupt
        passes; what was under way here is queued for the other drivers.
        """
        started = time.monotonic()
        with quiet_optuna(logging.ERROR):
            try:
                config = self._problem.config
                assert config.storage is not None
                storage = open_storage(config.storage, self._settings, len(self._executors))
                study = SharedStudy(storage, config, self._problem.directions)
                data = self._problem.data
                study.announce(config, None if data is None else data.fingerprint)
                if not self._problem.evaluator.cheap:
                    self._reports.open()
                reasons = self._drive(storage, started)
                self._board.note(study.study.get_trials(deepcopy=False))
            finally:
                self._close()
        self._reports.remove()
        trials = sorted(self.ledger.trials, key=lambda trial: trial.number)
        seconds = time.monotonic() - started
        return Outcome(trials, self.ledger.evaluations, reasons[0], seconds)

    def _drive(self, storage: PatientStorage, started: float) -> list[str]:
        """Run a thread for each executor; the first error of any ends them all."""
        threads = ThreadPoolExecutor(len(self._executors), "driver")
        futures = [
            threads.submit(self._drive_one, storage, executor, started)
            for executor in self._executors
        ]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if not all(future.done() and not future.exception() for future in futures):
                self._stopping.set()
                self._close()
            threads.shutdown(wait=True)
        return [future.result() for future in futures]

    def _close(self) -> None:
        executors, self._executors = self._executors, []
        for executor in executors:
            executor.close()

    def _drive_one(self, storage: PatientStorage, executor: Executor, started: float) -> str:
        config = self._problem.config
        study = SharedStudy(storage, config, self._problem.directions)
        study.study.sampler = NumberedSampler(sampler_source(self._problem))
        study.study.pruner = pruner_of(self._problem)
        driver = _Driver(self._problem, study, executor, self._board, self._stopping, self._reports)
        while not self._stopping.is_set():
            try:
                stopped = driver.step()
            except Exception as error:
                if not lost_connection(error) and storage.lost is None:
                    raise
                if storage.lost is not None:
                    raise self._lost(storage.lost) from error
                # The database is back; what this step was at is queued by the others in time.
                continue
            if stopped is not None:
                return stopped
            timeout = config.timeout_seconds
            if timeout is not None and time.monotonic() - started >= timeout:
                return "time is up"
        return "interrupted"

    def _lost(self, reason: str) -> RunError:
        patience = self._settings.patience
        return RunError(
            f"lost the database {shown_url(self._problem.config.storage or '')} for {patience:g} s "
            f"({reason}); all that was saved is there, and the same command goes on"
        )


class _Driver:
    """One thread's way of working on the study."""

    def __init__(
        self,
        problem: Problem,
        study: SharedStudy,
        executor: Executor,
        board: _Board,
        stopping: threading.Event,
        reports: ReportFolder,
    ) -> None:
        self._problem = problem
        self._shared = study
        self._executor = executor
        self._board = board
        self._stopping = stopping
        self._reports = reports
        self._listener = Listener(problem, reports)
        self._overtaken = False

    def step(self) -> str | None:
        """One trial, or a pause where there is none to ask; says why where all is done."""
        wanted = self._problem.config.trials
        ledger = self._board.ledger
        study = self._shared.study
        trials = study.get_trials(deepcopy=False)
        self._board.note(trials)
        give_up_if_hopeless(ledger, self._problem.evaluator.name)
        if ledger.evaluations >= wanted:
            return "all evaluations done"
        under_way = claims(trials)
        if ledger.evaluations + len(under_way) >= wanted:
            self._pause()
            return None
        if ledger.dry >= DRY_TRIALS and not self._help_out(trials):
            if not under_way:
                return "nothing new left to evaluate"
            self._pause()
            return None
        self._overtaken = False
        try:
            study.optimize(self._objective, n_trials=1, catch=(_NoAnswerError,))
        except (ValueError, UpdateFinishedTrialError):
            # Optuna cannot tell a trial that the others have failed meanwhile.
            if not self._overtaken:
                raise
        return None

    def _pause(self) -> None:
        self._stopping.wait(POLL_SECONDS)
        # `optimize` does this before it asks; while we wait, nobody else may.
        optuna.storages.fail_stale_trials(self._shared.study)

    def _objective(self, trial: Trial) -> list[float]:
        # A Trial answers what a space asks; its overloads also allow None, which no space offers.
        arch = self._problem.space.sample(cast("Suggest", trial))
        figures, refused = record_network(self._problem, trial, arch)
        if refused is not None:
            raise TrialPruned
        wanted = self._problem.config.trials
        taken = self._shared.claim(trial, arch.digest(), wanted)
        if isinstance(taken, FrozenTrial):
            values = record_repeat(trial, taken)
            if values is None:
                raise _NoAnswerError
            return values
        if taken is not None:
            # Failed trials are ignored by samplers.
            surplus = taken == trial.number
            set_attributes(trial, **({SURPLUS: True} if surplus else {"repeat_of": taken}))
            raise _NoAnswerError
        return self._record(trial, arch, figures, self._judge(arch, trial, figures))

    def _judge(self, arch: ArchSpec, trial: Trial, figures: dict[str, float]) -> Done:
        task = Task(trial.number, arch)
        seconds = 0.0
        for _ in range(MAX_ATTEMPTS):
            if not self._stopping.is_set():
                self._executor.submit(task)
                done = self._wait(trial, arch, figures)
                if not done.killed:
                    return done
                seconds += done.seconds
            if self._stopping.is_set():
                # Our own end has ended the worker; the network is not to blame.
                set_attributes(trial, **{INTERRUPTED: True})
                self._shared.queue_again(trial)
                raise _NoAnswerError
        return Done(task.key, f"killed its worker {MAX_ATTEMPTS} times; set aside", seconds)

    def _wait(self, trial: Trial, arch: ArchSpec, figures: dict[str, float]) -> Done:
        """Wait for the one task; the study is told of its epochs, which others then see too."""
        if self._problem.evaluator.cheap:
            (done,) = self._executor.wait()
            return done
        pause = self._listener.pause or LEISURE_SECONDS
        while not (ended := self._executor.wait(pause)):
            self._follow(trial, arch, figures)
        self._follow(trial, arch, figures, last=True)
        return ended[0]

    def _follow(
        self, trial: Trial, arch: ArchSpec, figures: dict[str, float], last: bool = False
    ) -> None:
        try:
            if last:
                self._listener.finish(trial, arch, figures)
            else:
                self._listener.follow(trial, arch, figures)
        except UpdateFinishedTrialError:
            # The others took us for dead; the answer, when it comes, is rescued.
            return

    def _record(
        self, trial: Trial, arch: ArchSpec, figures: dict[str, float], done: Done
    ) -> list[float]:
        judgement = done.judgement
        if isinstance(judgement, Pruned):
            record_pruned(trial, judgement, done.seconds)
            raise TrialPruned
        if isinstance(judgement, str):
            record_failure(trial, judgement, done.seconds)
            raise _NoAnswerError
        values = self._problem.values(judgement, network_cost(arch), figures)
        try:
            record_judgement(trial, judgement, done.seconds)
        except UpdateFinishedTrialError:
            self._overtaken = True
            self._shared.rescue(trial, values, judgement_attributes(judgement, done.seconds))
            raise
        return values

    def _help_out(self, trials: Sequence[FrozenTrial]) -> bool:
        """Queue an unseen network within the bounds; False where there is none."""
        ledger = self._board.ledger
        source = random.Random(trial_seed(self._problem.config.seed, len(trials)))
        coming = [t for t in trials if not t.state.is_finished() and "digest" in t.user_attrs]
        known = set(ledger.judged) | ledger.refused | {t.user_attrs["digest"] for t in coming}
        starts = [trial.params for trial in ledger.judged.values()]
        params = find_unseen(self._problem, known, starts, source)
        if params is None:
            return False
        self._shared.study.enqueue_trial(params)
        return True
