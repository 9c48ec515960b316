"""How trainings under way tell their accuracy after each epoch, and are told to stop: small files.

A network's file of epochs only grows, a line at a time; the driver answers in a file of its own,
renamed into place. Both are in the run folder, so they outlive a kill of either side, and any
machine that has the folder can take part.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from nas.files import make_folder, write_text_atomic

# A worker waits so long for the driver's answer after each epoch, then goes on without it. The
# driver looks far more often, so one worker's search is the same from run to run.
ANSWER_SECONDS = 2.0
LOOK_SECONDS = 0.05
_GO, _STOP = "go", "stop"


class ReportFolder:
    """The reports of one run's trainings, by the digests of their networks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Make the folder. Where it is absent, nobody answers, and no worker waits."""
        make_folder(self.folder)

    def add(self, digest: str, epoch: int, value: float) -> None:
        """Report a network's accuracy after an epoch; does nothing where nobody reads."""
        if not self.folder.is_dir():
            return
        # One write of one short line: a kill leaves it whole, or without its end and passed over.
        descriptor = os.open(self._epochs(digest), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, f"\n{epoch} {value!r} .\n".encode())
        finally:
            os.close(descriptor)

    def read(self, digest: str) -> dict[int, float]:
        """Epoch -> accuracy, of all epochs that were reported."""
        try:
            lines = self._epochs(digest).read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        words = (line.split() for line in lines)
        whole = (w for w in words if len(w) == 3 and w[2] == ".")
        return {int(epoch): float(value) for epoch, value, _ in whole}

    def digests(self) -> list[str]:
        """The networks that have reported, by the names of their files."""
        return sorted(path.stem for path in self.folder.glob("*.epochs"))

    def answer(self, digest: str, epoch: int, stop: bool) -> None:
        """Say whether a training that has reported `epoch` should stop."""
        text = f"{epoch} {_STOP if stop else _GO}\n"
        write_text_atomic(self._answer(digest), text, flush=False)

    def answered(self, digest: str) -> tuple[int, bool] | None:
        """The last answer, as (epoch, whether to stop)."""
        try:
            epoch, word = self._answer(digest).read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return None
        return int(epoch), word == _STOP

    def should_stop(self, digest: str, epoch: int, wait: float = ANSWER_SECONDS) -> bool:
        """The driver's answer to `epoch`; False where none comes in time."""
        if not self.folder.is_dir():
            return False
        deadline = time.monotonic() + wait
        while True:
            answer = self.answered(digest)
            if answer is not None and (answer[0] >= epoch or answer[1]):
                return answer[1]
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_SECONDS / 2)

    def forget(self, digest: str) -> None:
        """Remove a finished network's files."""
        for path in (self._epochs(digest), self._answer(digest)):
            with contextlib.suppress(OSError):
                path.unlink()

    def remove(self) -> None:
        """Remove the folder, at the end of a search."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _epochs(self, digest: str) -> Path:
        return self.folder / f"{digest[:32]}.epochs"

    def _answer(self, digest: str) -> Path:
        return self.folder / f"{digest[:32]}.answer"
