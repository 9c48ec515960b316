"""Worker actors on a Ray cluster: many GPUs, many machines.

Scheduling, transport and membership are Ray's. An actor is a worker that stays: it keeps its GPU,
its data and its caches, where a Ray task for each network would pay for a new process each time.
One driver asks and tells; an actor that dies, with its machine or alone, is replaced by another one
wherever Ray finds room.
"""

from __future__ import annotations

import datetime
import logging
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.errors import ConfigError, WorkersError, one_line
from nas.files import make_folder
from nas.workers import Done, Task, Worker, WorkerSettings

# Long enough for Ray to start processes on every machine, or for a machine to come back.
PATIENCE_SECONDS = 60.0
CONNECT_SECONDS = 5.0
# Once may be the end of a machine.
MAX_FAILED_STARTS = 3


@dataclass(frozen=True)
class RaySettings:
    """Which cluster, and what an actor takes of it.

    address: "host:port", "auto", or "local" for a cluster that is started here and ends with the
    search. gpus_per_candidate: None for one where the cluster has any, otherwise none.
    patience: seconds to wait for room.
    """

    address: str
    gpus_per_candidate: float | None = None
    patience: float = PATIENCE_SECONDS

    def __post_init__(self) -> None:
        gpus = self.gpus_per_candidate
        if gpus is not None and (gpus < 0 or (gpus > 1 and gpus != int(gpus))):
            raise ConfigError(
                f"--gpus-per-candidate is {gpus:g}; it must be 0, a part of one GPU such as 0.5, "
                "or a whole number"
            )


@dataclass(eq=False)
class _Slot:
    """An actor; `ready` is the promise that it has started, None once it has.

    failures: how many actors in a row could not start in its place.
    """

    number: int
    actor: Any
    ready: Any
    task: Task | None = None
    failures: int = 0


class RayWorkers:
    """Judges in Ray actors, one task each at a time.

    `workers/ray.log` beside the evaluator's folder tells when which worker started where, and where
    its output is.
    Raises: WorkersError, in one line, if Ray is not installed, the cluster cannot be reached, or
    there is no room in it for every worker.
    """

    def __init__(self, settings: WorkerSettings, workers: int, ray: RaySettings) -> None:
        self.capacity = workers
        self._settings = replace(settings, folder=settings.folder.absolute())
        self._options = ray
        self._log = settings.folder.parent / "workers" / "ray.log"
        make_folder(self._log.parent)
        self._ray = _connect(ray.address, workers)
        self._waiting: deque[Task] = deque()
        self._tasks: dict[Any, _Slot] = {}
        try:
            self._gpus = self._gpus_per_candidate()
            self._slots = [self._start(number) for number in range(workers)]
            self._wait_for_room()
        except BaseException:
            self._ray.shutdown()
            raise

    def _gpus_per_candidate(self) -> float:
        if self._options.gpus_per_candidate is not None:
            return self._options.gpus_per_candidate
        return 1.0 if self._ray.cluster_resources().get("GPU", 0) else 0.0

    def _start(self, number: int) -> _Slot:
        actor = (
            self._ray.remote(_Actor)
            # Spread, because an evaluation that trains uses more of a machine than Ray counts.
            .options(num_cpus=1, num_gpus=self._gpus, scheduling_strategy="SPREAD")
            .remote(self._settings)
        )
        return _Slot(number, actor, actor.place.remote())

    def _wait_for_room(self) -> None:
        """Wait as long as actors go on starting; Ray itself would wait for ever."""
        while starting := [slot for slot in self._slots if slot.ready is not None]:
            promises = [slot.ready for slot in starting]
            ended, _ = self._ray.wait(promises, timeout=self._options.patience)
            if not ended:
                raise WorkersError(self._no_room(len(self._slots) - len(starting)))
            for slot in starting:
                if slot.ready in ended:
                    self._welcome(slot)

    def _no_room(self, started: int) -> str:
        has = self._ray.cluster_resources()
        needs = f"{self.capacity} CPUs" if self.capacity > 1 else "1 CPU"
        if self._gpus:
            needs += f" and {self.capacity * self._gpus:g} GPUs"
        return (
            f"the Ray cluster has room for {started} of {self.capacity} workers, and none more in "
            f"{self._options.patience:g} s: they need {needs}, it has {has.get('CPU', 0):g} CPUs "
            f"and {has.get('GPU', 0):g} GPUs; lower --workers or --gpus-per-candidate, or add nodes"
        )

    def _welcome(self, slot: _Slot) -> None:
        """Note where an actor has started; one that died at the start is replaced.

        Raises: WorkersError if that happens again and again.
        """
        try:
            self._note(f"worker {slot.number} started {self._ray.get(slot.ready)}")
            slot.ready, slot.failures = None, 0
        except self._ray.exceptions.RayError as error:
            slot.failures += 1
            reason = str(error).strip().splitlines()[-1]
            if slot.failures == MAX_FAILED_STARTS:
                raise WorkersError(
                    f"a Ray worker failed to start {slot.failures} times: {reason}; see that "
                    "compound-nas and what you search with are installed on every machine"
                ) from error
            self._replace(slot, reason)

    def submit(self, task: Task) -> None:
        """Give the task to a free worker, or keep it until there is one."""
        self._waiting.append(task)
        self._give_out()

    def _give_out(self) -> None:
        for slot in self._slots:
            if self._waiting and slot.ready is None and slot.task is None:
                slot.task = self._waiting.popleft()
                self._tasks[slot.actor.work.remote(slot.task)] = slot

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait for at least one task; a dead worker is replaced.

        Raises: WorkersError if every worker is gone and none comes back.
        """
        while True:
            starting = {slot.ready: slot for slot in self._slots if slot.ready is not None}
            promises = [*self._tasks, *starting]
            ended, _ = self._ray.wait(
                promises, timeout=timeout if self._tasks else self._options.patience
            )
            if not ended and self._tasks:
                return []
            if not ended:
                raise WorkersError(f"every Ray worker was lost; {self._no_room(0)}")
            for promise in ended:
                if promise in starting:
                    self._welcome(starting[promise])
            # In the order of submission, so that one worker is as deterministic as none.
            done = [self._done(promise) for promise in list(self._tasks) if promise in ended]
            self._give_out()
            if done:
                return done

    def _done(self, promise: Any) -> Done:
        slot = self._tasks.pop(promise)
        task, slot.task = slot.task, None
        assert task is not None
        try:
            done: Done = self._ray.get(promise)
        except self._ray.exceptions.RayActorError as error:
            self._replace(slot, one_line(error))
            return Done(task.key, "its Ray worker was lost; see workers/ray.log", 0.0, killed=True)
        except self._ray.exceptions.RayError as error:
            # Such as an answer that cannot be sent from one process to another.
            return Done(task.key, one_line(error), 0.0)
        return done

    def _replace(self, slot: _Slot, reason: str) -> None:
        self._note(f"worker {slot.number} was lost: {reason}")
        # It may live on, out of reach.
        self._ray.kill(slot.actor)
        fresh = self._start(slot.number)
        slot.actor, slot.ready = fresh.actor, fresh.ready

    def _note(self, line: str) -> None:
        moment = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{moment} {line}\n")

    def close(self) -> None:
        """End every actor, and the cluster if it was started here."""
        for slot in self._slots:
            self._ray.kill(slot.actor)
        self._ray.shutdown()


class _Actor:
    """A worker in a Ray process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._worker = Worker(settings)

    def place(self) -> str:
        """Where this worker is, and where its output goes."""
        import ray

        context = ray.get_runtime_context()
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        node = next(n for n in nodes if n["NodeID"] == context.get_node_id())
        gpus = ", ".join(str(gpu) for gpu in ray.get_gpu_ids()) or "none"
        output = f"worker-{context.get_worker_id()}-*.out and .err"
        return (
            f"on {node['NodeManagerAddress']} (process {os.getpid()}, GPUs {gpus}); its "
            f"output: {output} in Ray's logs there, /tmp/ray/session_latest/logs"
        )

    def work(self, task: Task) -> Done:
        """Judge one task."""
        return self._worker.work(task)


def _connect(address: str, workers: int) -> Any:
    """Ray, connected to the cluster at `address`.

    Raises: WorkersError if it is not installed or the cluster cannot be reached.
    """
    # Before Ray is imported: it reports usage to its makers unless told otherwise.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise WorkersError(
            "--ray needs Ray, which is not installed; pip install 'compound-nas[ray]'"
        ) from None
    settings: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "runtime_env": {"env_vars": {"PYTHONPATH": os.pathsep.join(_own_paths())}},
    }
    if address == "local":
        # More workers than cores is the user's choice here, as it is without Ray.
        processors = max(workers, os.cpu_count() or 1)
        settings |= {"address": "local", "num_cpus": processors, "include_dashboard": False}
    else:
        _check_reachable(address)
        settings["address"] = address
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**settings)
    except Exception as error:
        raise _unreachable(address, one_line(error)) from error
    finally:
        if main:
            # Ray ends the process at SIGTERM; the search saves what it has and says how to go on.
            signal.signal(signal.SIGTERM, before)
    return ray


def _own_paths() -> list[str]:
    """Where this process imports from, apart from what is installed: a plug-in may lie there.

    On another machine these folders do nothing unless they exist there too.
    """
    installed = {Path(path) for path in sysconfig.get_paths().values()}
    paths = [str(Path.cwd()), *(str(Path(entry).absolute()) for entry in sys.path if entry)]
    return [
        path
        for path in dict.fromkeys(paths)
        if Path(path).is_dir() and not any(Path(path).is_relative_to(place) for place in installed)
    ]


def _check_reachable(address: str) -> None:
    """See in another process whether the cluster answers: `ray.init` itself tries for minutes.

    Raises: WorkersError if it does not.
    """
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or one_line(error)
            raise _unreachable(address, str(reason)) from None
    code = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, address],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS / 2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"no Ray cluster answers within {PATIENCE_SECONDS / 2:g} s"
        raise _unreachable(address, reason) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise _unreachable(address, lines[-1])


def _unreachable(address: str, reason: str) -> WorkersError:
    return WorkersError(
        f"cannot use the Ray cluster '{address}': {reason}; start one with `ray start --head`, "
        "join this machine to it with the same token, and see docs/parallel.md"
    )
