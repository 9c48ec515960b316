"""A stage's command as a process of its own, and the lock that it holds together with the run.

Its output goes straight into the stage's log, and from there to the terminal: a killed `nas run`
breaks no pipe of it.
"""

from __future__ import annotations

import codecs
import ctypes
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import nas
from nas.errors import RunError, RunInUseError
from nas.files import make_folder
from nas.pipeline.folder import LOCK
from nas.runs.state import alive

Say = Callable[[str], None]

POLL_SECONDS = 0.1
# A stage whose run was killed is told to stop, and saves what it has; a step of a large network on
# a slow processor may take this long.
ORPHAN_SECONDS = 300.0
_PR_SET_PDEATHSIG = 1


@contextmanager
def held(folder: Path, say: Say) -> Iterator[int]:
    """Hold a run's folder; yields the lock's descriptor, for the stages to hold too.

    A stage that outlives its killed run is waited for: it has been told to stop.
    Raises: RunInUseError if another run works here; RunError if nothing can be written.
    """
    make_folder(folder)
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunError(f"cannot write in {folder}: {error.strerror}") from None
    try:
        _acquire(folder, descriptor, say)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(folder: Path, descriptor: int, say: Say) -> None:
    deadline = time.monotonic() + ORPHAN_SECONDS
    told = False
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        if not holder.isdigit() or alive(int(holder)):
            raise RunInUseError(
                f"{folder} is in use by process {holder or 'unknown'}; wait for it, or stop it"
            )
        if time.monotonic() > deadline:
            raise RunInUseError(f"a stage of a killed run still works in {folder}; stop it first")
        if not told:
            say("a stage of the killed run is still saving what it has; waiting for it to end")
            told = True
        time.sleep(POLL_SECONDS)


class StageProcess:
    """Runs commands one after the other, and passes on the signals that arrive meanwhile.

    lock: the descriptor that the processes hold beside the run. asked: whether a signal has asked
    the run to stop.
    """

    def __init__(self, lock: int, working_folder: Path, echo: Say) -> None:
        self._lock, self._working_folder, self._echo = lock, working_folder, echo
        self._process: subprocess.Popen[bytes] | None = None
        self.asked = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Pass SIGINT, SIGTERM and SIGHUP on to the stage that runs, each once."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._pass_on) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def run(self, arguments: Sequence[str], log: Path) -> int:
        """Run `nas ARGUMENTS`; returns its exit code, minus the signal's number if one killed it.

        What it prints is added to `log` and echoed.
        """
        with log.open("ab") as stream:
            stream.write(f"$ {shlex.join(['nas', *arguments])}\n".encode())
            stream.flush()
            position = stream.tell()
            self._process = self._start(arguments, stream.fileno())
        if self.asked:  # between this stage and the one before
            self._process.send_signal(signal.SIGINT)
        try:
            with log.open("rb") as written:
                written.seek(position)
                decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
                while True:
                    ended = self._wait()
                    text = decoder.decode(written.read(), final=ended is not None)
                    if text:
                        self._echo(text)
                    if ended is not None:
                        return ended
        finally:
            self._stop()

    def _start(self, arguments: Sequence[str], output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "nas", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self._working_folder,
            env=child_environment(),
            pass_fds=(self._lock,),
            # Ctrl-C in the terminal would otherwise reach it twice: a second one ends it harshly.
            process_group=0,
            preexec_fn=_stopping_with_parent(),
        )

    def _wait(self) -> int | None:
        assert self._process is not None
        try:
            return self._process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _stop(self) -> None:
        """Whatever ended the run, no stage goes on behind its back."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait()

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(
                    signal.SIGINT if number == signal.SIGINT else signal.SIGTERM
                )


def child_environment() -> dict[str, str]:
    """The environment of a process that is to find this version of nas, wherever it works."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    root = Path(nas.__file__).resolve().parents[1]
    if root.name not in ("site-packages", "dist-packages"):
        # A checkout that is not installed, found from wherever the stage works.
        paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _stopping_with_parent() -> Callable[[], None] | None:
    """What makes the kernel stop a stage, safely, when its run is killed; Linux only.

    Elsewhere the stage ends by itself, and the next run waits for the lock.
    """
    if not sys.platform.startswith("linux"):
        return None
    # Loaded here: between fork and exec nothing should be.
    set_option = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        set_option(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:
            os._exit(1)

    return ask
