"""An Optuna study in a journal file that one process writes: opened after any crash, never half.

Trials are added whole, in one record, when they are finished.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import RunError

if TYPE_CHECKING:
    from optuna import Study

    from nas.objective import Direction


def open_journal(journal: Path, name: str, directions: Sequence[Direction]) -> Study:
    """The study `name` of a journal, made where there is none.

    Raises: RunError if the journal is damaged before its last record, or cannot be written.
    """
    import optuna
    from optuna.exceptions import StorageInternalError

    storage = journal_storage(journal)
    try:
        return optuna.create_study(
            storage=storage, study_name=name, directions=list(directions), load_if_exists=True
        )
    except (KeyError, ValueError, OSError, StorageInternalError) as error:
        raise RunError(
            f"cannot open the study {journal}: {storage_reason(error)}; see that it can be written"
        ) from error


def journal_storage(journal: Path) -> Any:
    """Optuna's storage over a journal, repaired. Raises: RunError if it is damaged."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    # Only one process has the journal, so a lock of Optuna's that is there belongs to a process
    # that was killed while it wrote; nobody else would ever remove it.
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    cut_torn_tail(journal)
    try:
        return JournalStorage(JournalFileBackend(str(journal)))
    except Exception as error:
        raise RunError(
            f"the journal {journal} is damaged ({error}); restore it, or start anew"
        ) from error


@contextmanager
def saved(what: str) -> Iterator[None]:
    """Write to a storage in this block.

    Raises: RunError, in one line, if it refuses; KeyboardInterrupt as such.
    """
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except (OSError, StorageInternalError) as error:
        if (interrupt := _interrupt_behind(error)) is not None:
            raise interrupt from None
        raise RunError(
            f"cannot save {what}: {storage_reason(error)}; what came before it is saved, and the "
            "same command goes on from there"
        ) from error


def _interrupt_behind(error: BaseException) -> KeyboardInterrupt | None:
    """The Ctrl-C that an error stands for.

    One that comes while Optuna gives its journal's lock back makes it fail on a file that is gone.
    """
    behind = error.__context__
    while behind is not None and not isinstance(behind, KeyboardInterrupt):
        behind = behind.__context__
    return behind


def storage_reason(error: BaseException) -> str:
    """In one line, what the file system or the database said below Optuna's own words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    cause = error.__cause__ or error
    lines = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    return lines[0].strip() if lines else type(cause).__name__


def cut_torn_tail(journal: Path) -> None:
    """Drop a last record that a crash left incomplete, so that the next one starts a new line.

    Only the last record can be torn; damage before it is not ours to repair.
    Raises: RunError if the journal is damaged before its last record.
    """
    if not journal.exists():
        return
    content = journal.read_bytes()
    lines = content.splitlines(keepends=True)
    sound = len(content)
    if lines and not (lines[-1].endswith(b"\n") and _is_json(lines[-1])):
        sound -= len(lines.pop())
    if lines and not _is_json(lines[-1]):
        raise RunError(f"the journal {journal} is damaged; restore it, or start anew")
    if sound < len(content):
        with journal.open("r+b") as file:
            file.truncate(sound)
            os.fsync(file.fileno())


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
