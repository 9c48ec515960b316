"""Trainings by the list: done by workers, each noted in a study as it ends, none done twice.

A search asks its sampler what comes next; a scaling fit and a trust report know it themselves:
these networks, with these seeds. The record is an Optuna study in a journal, as a search's is.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import RunError
from nas.evaluators.base import Accuracy, EvaluationContext
from nas.files import make_folder
from nas.plugins import load_evaluator
from nas.runs.journal import open_journal, saved, storage_reason
from nas.runs.quiet import quiet_optuna
from nas.spec import ArchSpec
from nas.suggest import Suggest
from nas.workers import Done, Executor, InProcess, ProcessWorkers, Task, WorkerSettings

if TYPE_CHECKING:
    from optuna import Study

MAX_ATTEMPTS = 3
"""A training that kills its worker so many times is given up; one that fails is tried again by the
next so many commands, since what was missing (images, memory, a GPU) may be back."""

STUDY = "trainings"


class ListedNetworks:
    """A list of networks as a search space, for evaluators that want to know theirs."""

    def __init__(self, name: str, networks: Sequence[ArchSpec]) -> None:
        self.name = name
        self._networks = tuple(networks)

    def sample(self, suggest: Suggest) -> ArchSpec:
        """Ask for `network`, the place in the list."""
        return self._networks[suggest.suggest_int("network", 0, len(self._networks) - 1)]


@dataclass(frozen=True)
class Training:
    """One network with one seed."""

    arch: ArchSpec
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """Digest and seed: what its result is found by."""
        return self.arch.digest(), self.seed


@dataclass(frozen=True)
class Answer:
    """What a training came to: an accuracy, or in one line why there is none.

    lost: its workers died over it.
    """

    accuracy: float | None
    error: str
    seconds: float
    source: str = ""
    lost: bool = False


class Trainings:
    """Trainings of one kind (the same options) in one folder, which remembers their results.

    settings: how workers make their evaluator; its folder is `evaluator/` in this one.
    Raises: RunError if the folder's record cannot be opened.
    """

    def __init__(self, settings: WorkerSettings, folder: Path) -> None:
        self._settings = dataclasses.replace(settings, folder=folder / "evaluator")
        make_folder(folder)
        with quiet_optuna():
            self._study: Study = open_journal(folder / "study.journal", STUDY, ["maximize"])
            self.answers = _known(self._study.get_trials(deepcopy=False))

    def missing(self, wanted: Iterable[Training]) -> list[Training]:
        """Those that are not done, each once."""
        fresh = {t.key: t for t in wanted if t.key not in self.answers}
        return list(fresh.values())

    def run(
        self,
        wanted: Iterable[Training],
        workers: int,
        note: Callable[[int, int], None] = lambda done, count: None,
    ) -> None:
        """Do what is missing; `note` is told (done, of so many) after each.

        Raises: NasError if the evaluator or its workers cannot be had.
        """
        waiting = deque(self.missing(wanted))
        if not waiting:
            return
        count = len(waiting)
        with closing(self._executor(min(workers, count))) as executor:
            for done, (training, answer) in enumerate(_work(executor, waiting), start=1):
                self.answers[training.key] = answer
                if not answer.lost:
                    # What killed its workers is tried again by whoever goes on here.
                    self._write(training, answer)
                note(done, count)

    def _executor(self, workers: int) -> Executor:
        settings = self._settings
        evaluator = load_evaluator(settings.evaluator)()
        if evaluator.cheap:
            evaluator.prepare(
                EvaluationContext(settings.space, settings.seed, options=settings.options)
            )
            return InProcess(evaluator, settings.seed)
        options = {**settings.options, "workers": workers} if settings.options else {}
        return ProcessWorkers(dataclasses.replace(settings, options=options), workers)

    def _write(self, training: Training, answer: Answer) -> None:
        import optuna

        digest, seed = training.key
        attributes = {
            "digest": digest,
            "seed": seed,
            "name": training.arch.name,
            "error": answer.error,
            "seconds": answer.seconds,
            "source": answer.source,
        }
        failed = answer.accuracy is None
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
            value=answer.accuracy,
            user_attrs=attributes,
        )
        with quiet_optuna(), saved(f"a training of network {digest[:8]}"):
            self._study.add_trial(trial)


def recorded_answers(folder: Path) -> dict[tuple[str, int], Answer]:
    """What the trainings in a folder came to: the accuracy where one has it, else the last error.

    Read without a lock and without a trace: they may be at work.
    Raises: RunError if their record is damaged.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend

    journal = folder / "study.journal"
    # The backend would make a journal that is not there.
    if not journal.exists():
        return {}
    answers: dict[tuple[str, int], Answer] = {}
    with quiet_optuna():
        try:
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
            trials = optuna.load_study(study_name=STUDY, storage=storage).get_trials(deepcopy=False)
        except KeyError:
            return {}
        except Exception as error:
            raise RunError(
                f"the journal {journal} is damaged ({storage_reason(error)}); restore it"
            ) from error
    for key, answer in map(_read, trials):
        known = answers.get(key)
        if answer.accuracy is not None or known is None or known.accuracy is None:
            answers[key] = answer
    return answers


def _known(trials: Iterable[Any]) -> dict[tuple[str, int], Answer]:
    """What need not be done again: what has an accuracy, and what has failed too often."""
    answers: dict[tuple[str, int], Answer] = {}
    failures: Counter[tuple[str, int]] = Counter()
    for key, answer in map(_read, trials):
        failures[key] += answer.accuracy is None
        if answer.accuracy is not None or failures[key] >= MAX_ATTEMPTS:
            answers[key] = answer
    return answers


def _read(trial: Any) -> tuple[tuple[str, int], Answer]:
    attributes = trial.user_attrs
    try:
        key = str(attributes["digest"]), int(attributes["seed"])
        answer = Answer(
            trial.values[0] if trial.values else None,
            attributes["error"],
            attributes["seconds"],
            attributes["source"],
        )
    except KeyError as error:
        raise RunError(f"a record of trainings lacks {error}; it is of another program") from None
    return key, answer


def _work(executor: Executor, waiting: deque[Training]) -> Iterator[tuple[Training, Answer]]:
    """Give out trainings until all have ended; one whose worker died is tried again."""
    open_: dict[int, Training] = {}
    attempts: dict[int, int] = {}
    key = 0
    while waiting or open_:
        while waiting and len(open_) < executor.capacity:
            open_[key], attempts[key] = waiting.popleft(), 1
            executor.submit(_task(key, open_[key]))
            key += 1
        for done in executor.wait():
            if done.killed and attempts[done.key] < MAX_ATTEMPTS:
                attempts[done.key] += 1
                executor.submit(_task(done.key, open_[done.key]))
                continue
            yield open_.pop(done.key), _answer(done)


def _task(key: int, training: Training) -> Task:
    return Task(key, training.arch, training.seed)


def _answer(done: Done) -> Answer:
    if isinstance(done.judgement, Accuracy):
        seconds = done.judgement.seconds or done.seconds
        return Answer(done.judgement.value, "", seconds, done.judgement.source)
    error = done.judgement if isinstance(done.judgement, str) else "it gave no accuracy"
    return Answer(None, error, done.seconds, lost=done.killed)
