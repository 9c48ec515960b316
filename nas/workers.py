"""Who evaluates: this process, or worker processes with a GPU each.

An executor takes tasks and gives back what became of them. Scheduling and transport are those of
`concurrent.futures`; each worker is a pool of one process, so that a worker that dies takes only
its own task with it. Workers on other machines are in `nas.ray_workers`.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any, Protocol

from nas.errors import NasError, one_line
from nas.evaluators.base import (
    Accuracy,
    EvaluationContext,
    Evaluator,
    PrunedError,
    Report,
    Score,
    judge,
)
from nas.files import make_folder
from nas.plugins import load_evaluator
from nas.runs.reports import ReportFolder
from nas.space import SearchSpace
from nas.spec import ArchSpec

# A worker that is asked to end has this long to save a checkpoint.
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Task:
    """One network to judge; `key` is the caller's name for it.

    seed: where it is not that of the worker's settings.
    """

    key: int
    arch: ArchSpec
    seed: int | None = None


@dataclass(frozen=True)
class Pruned:
    """A training that was stopped as hopeless: its last epoch, and the accuracy after it."""

    epoch: int
    value: float


@dataclass(frozen=True)
class Done:
    """What became of a task.

    judgement: the answer, that it was stopped on the way, or in one line why there is none.
    killed: the worker died over it, so the task may be tried again.
    """

    key: int
    judgement: Accuracy | Score | Pruned | str
    seconds: float
    killed: bool = False


class Executor(Protocol):
    """Judges networks, `capacity` at a time."""

    @property
    def capacity(self) -> int:
        """How many tasks may be under way at once."""

    def submit(self, task: Task) -> None:
        """Start a task; at most `capacity` may be under way."""

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait until at least one task has ended; after `timeout` seconds, none may have."""

    def close(self) -> None:
        """End every worker; what was under way is lost."""


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to make its own evaluator.

    folder: the run's place for evaluators. options: theirs. pruned: whether the driver answers
    reports, which are in `reports` beside the folder.
    """

    evaluator: str
    space: SearchSpace
    seed: int
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    pruned: bool = False

    @property
    def reports(self) -> Path:
        """Where trainings report their epochs."""
        return self.folder.parent / "reports"


class InProcess:
    """Judges in this process, one at a time: for evaluators that take milliseconds.

    An evaluator that trains and is prepared with `report` of this object is heard by `listener`:
    (task's key, epoch, accuracy) -> whether to stop.
    """

    capacity = 1

    def __init__(self, evaluator: Evaluator, seed: int) -> None:
        self._evaluator = evaluator
        self._seed = seed
        self._tasks: deque[Task] = deque()
        self._key = 0
        self.listener: Callable[[int, int, float], bool] | None = None

    def submit(self, task: Task) -> None:
        """Remember the task."""
        self._tasks.append(task)

    def report(self, epoch: int, value: float) -> bool:
        """Pass on what the network under evaluation reports."""
        return self.listener is not None and self.listener(self._key, epoch, value)

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Judge the oldest task, however long that takes."""
        task = self._tasks.popleft()
        self._key = task.key
        started = time.monotonic()
        judgement: Accuracy | Score | Pruned | str
        try:
            judgement = judge(self._evaluator, task.arch, _seed_of(task, self._seed))
        except PrunedError as error:
            judgement = Pruned(error.epoch, error.value)
        return [Done(task.key, judgement, time.monotonic() - started)]

    def close(self) -> None:
        """Nothing to end."""


class Worker:
    """Where networks are judged: one evaluator, prepared for the first task and then kept.

    So its data and caches, and what it holds on a GPU, serve every task.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._evaluator: Evaluator | None = None
        self._reports = ReportFolder(settings.reports)
        self._digest = ""

    def work(self, task: Task) -> Done:
        """Judge one task; what an evaluator raises becomes the reason why there is no answer."""
        started = time.monotonic()
        judgement: Accuracy | Score | Pruned | str
        self._digest = task.arch.digest()
        try:
            judgement = judge(self._prepared(), task.arch, _seed_of(task, self._settings.seed))
        except PrunedError as error:
            judgement = Pruned(error.epoch, error.value)
        except NasError as error:
            judgement = str(error)
        except (Exception, SystemExit) as error:
            judgement = one_line(error)
        return Done(task.key, judgement, time.monotonic() - started)

    def _prepared(self) -> Evaluator:
        if self._evaluator is None:
            settings = self._settings
            evaluator: Evaluator = load_evaluator(settings.evaluator)()
            report: Report = self._report
            evaluator.prepare(
                EvaluationContext(
                    settings.space, settings.seed, settings.folder, settings.options, report
                )
            )
            self._evaluator = evaluator
        return self._evaluator

    def _report(self, epoch: int, value: float) -> bool:
        self._reports.add(self._digest, epoch, value)
        return self._settings.pruned and self._reports.should_stop(self._digest, epoch)


def _seed_of(task: Task, seed: int) -> int:
    return seed if task.seed is None else task.seed


class _RecordingContext(SpawnContext):
    """Starts processes for a pool, and remembers them: a pool does not say which are its own.

    Not by fork: a forked child of a process that has used CUDA or threads is broken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[SpawnProcess] = []

    def Process(self, *arguments: Any, **settings: Any) -> SpawnProcess:  # type: ignore[override] # noqa: N802
        process = SpawnProcess(*arguments, **settings)
        self.processes.append(process)
        return process


@dataclass
class _Slot:
    """A pool of one process, and the task it works on."""

    number: int
    log: Path
    pool: ProcessPoolExecutor
    process: SpawnProcess
    task: Task | None = None


class ProcessWorkers:
    """Judges in worker processes on this machine, one GPU each where there are GPUs.

    A worker's output goes to `workers/worker-<n>.log` beside the evaluator's folder; the numbers
    count from `first`.
    """

    def __init__(self, settings: WorkerSettings, workers: int, first: int = 0) -> None:
        self.capacity = workers
        self._settings = settings
        self._gpus = visible_gpus()
        make_folder(settings.folder.parent / "workers")
        self._slots = [self._start(number) for number in range(first, first + workers)]
        self._futures: dict[Future[Done], _Slot] = {}
        self._closing = False

    def _start(self, number: int) -> _Slot:
        gpu = self._gpus[number % len(self._gpus)] if self._gpus else None
        log = self._settings.folder.parent / "workers" / f"worker-{number}.log"
        context = _RecordingContext()
        pool = ProcessPoolExecutor(
            max_workers=1,
            mp_context=context,
            initializer=_begin_worker,
            initargs=(self._settings, log, gpu, os.getpid()),
        )
        with _interrupts_held():
            # A pool starts its process when it gets its first task, before `submit` returns.
            pool.submit(os.getpid)
        (process,) = context.processes
        return _Slot(number, log, pool, process)

    def submit(self, task: Task) -> None:
        """Give the task to a free worker."""
        slot = next(slot for slot in self._slots if slot.task is None)
        slot.task = task
        try:
            future = slot.pool.submit(_work, task)
        except BrokenProcessPool:
            # It died while idle; nothing was lost.
            self._replace(slot)
            future = slot.pool.submit(_work, task)
        self._futures[future] = slot

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait for at least one task; a dead worker is replaced."""
        ended, _ = wait(self._futures, timeout, return_when=FIRST_COMPLETED)
        # In the order of submission, so that one worker is as deterministic as none.
        return [self._done(future) for future in list(self._futures) if future in ended]

    def _done(self, future: Future[Done]) -> Done:
        slot = self._futures.pop(future)
        task, slot.task = slot.task, None
        assert task is not None
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, BrokenProcessPool):
            reason = f"its worker {_end_of(slot.process)}; see workers/{slot.log.name}"
            if not self._closing:
                self._replace(slot)
            return Done(task.key, reason, 0.0, killed=True)
        # Such as an answer that cannot be sent from one process to another.
        return Done(task.key, one_line(error), 0.0)

    def _replace(self, slot: _Slot) -> None:
        slot.pool.shutdown(wait=False)
        fresh = self._start(slot.number)
        slot.pool, slot.process = fresh.pool, fresh.process

    def close(self) -> None:
        """Ask every worker to end, then make it; another thread may still be in `wait`."""
        self._closing = True
        processes = [slot.process for slot in self._slots]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for process in processes:
            process.kill()
        for slot in self._slots:
            # Its process is gone, so this returns at once; left open, it would complain at exit.
            slot.pool.shutdown(wait=True, cancel_futures=True)


def _end_of(process: SpawnProcess) -> str:
    """How a process ended: "was ended by SIGKILL"."""
    # Its pool's own thread waits for it too. Whoever of the two comes second learns the code only
    # once the first has written it down, so one look is not enough.
    deadline = time.monotonic() + 5.0
    while (code := process.exitcode) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if code is None:
        return "died"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes started in this block are not interrupted by Ctrl-C.

    A terminal sends it to the whole process group, and a worker that is still starting would answer
    with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# One worker process judges for one run. This is the process's own state, set once when it begins.
_worker: Worker | None = None


def _begin_worker(settings: WorkerSettings, log: Path, gpu: str | None, parent: int) -> None:
    """Set a new worker process up: its log, its GPU, its evaluator."""
    global _worker
    with log.open("ab", buffering=0) as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())
    # Ctrl-C reaches the whole process group; the driver decides what its workers do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # A crash in native code leaves its place in the log.
    faulthandler.enable()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _worker = Worker(settings)


def _end_with(parent: int) -> None:
    """A driver that is killed cannot end its workers; they notice themselves."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(task: Task) -> Done:
    assert _worker is not None
    try:
        return _worker.work(task)
    except KeyboardInterrupt:
        # The driver wants this process to end, and the training has saved where it was. The pool
        # would send the interrupt as an answer and live on.
        os._exit(128 + signal.SIGTERM)


def visible_gpus() -> list[str]:
    """The GPUs that workers may use, as CUDA names them; asked without importing torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    done = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return [str(n) for n, line in enumerate(done.stdout.splitlines()) if line.startswith("GPU ")]
