"""The run folder: what a search leaves, and what it goes on from.

run.json        settings, command, versions: written first
study.journal   the Optuna study, one line a finished trial: the truth that everything else is
                made from (or the database given by --storage)
best.json, trials.csv, pareto.png   results, written beside and renamed
lock            held while a process works on the run
"""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import importlib.metadata
import json
import os
import platform
import shlex
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import __version__
from nas.errors import RunError, RunInUseError
from nas.files import make_folder, write_text_atomic
from nas.objective import Direction
from nas.runs.finding import MARKER, RUNS, run_folders
from nas.runs.journal import journal_storage, saved, storage_reason
from nas.runs.machine import machine
from nas.runs.marker import read_marker
from nas.searching.config import SearchConfig
from nas.shared.database_url import shown_url

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

RUN_SCHEMA = 1
RECORDED_VERSIONS = ("torch", "optuna", "numpy", "pandas", "fvcore", "scipy")


@dataclass(frozen=True)
class Run:
    """An open run folder."""

    folder: Path
    config: SearchConfig
    command: str

    @property
    def journal(self) -> Path:
        return self.folder / "study.journal"


def open_run(folder: Path, config: SearchConfig, command: str) -> Run:
    """Make a run folder, or go on with one of the same configuration.

    Raises: RunError if the folder is foreign, damaged, or of another configuration, which is named.
    """
    recorded = recorded_run(folder, config)
    if recorded is not None:
        # The same images, if typed otherwise: the study is named after what was typed first.
        config = dataclasses.replace(config, data=recorded.config.data)
        last = (recorded.config.trials, recorded.config.storage)
        if last == (config.trials, _shown(config.storage)):
            return Run(folder, config, recorded.command)
    document = {
        "schema": RUN_SCHEMA,
        "kind": "search",
        "command": command,
        # A run folder is handed on; the password comes again with the command that goes on.
        "config": {**config.to_dict(), "storage": _shown(config.storage)},
        "created": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        **provenance(),
    }
    make_folder(folder)
    write_text_atomic(folder / MARKER, json.dumps(document, indent=2) + "\n")
    return Run(folder, config, command)


def is_leftover(name: str) -> bool:
    """Whether a file may be what a kill leaves before a folder's first file is whole."""
    return name == "lock" or (name.startswith(".") and name.endswith(".tmp"))


def _shown(storage: str | None) -> str | None:
    return None if storage is None else shown_url(storage)


def recorded_run(folder: Path, config: SearchConfig) -> Run | None:
    """The run that `config` would go on with in `folder`; None where it would begin one.

    Raises: RunError if the folder is foreign, damaged, or of another configuration, which is named.
    """
    if (folder / MARKER).exists():
        recorded = read_run(folder)
        difference = recorded.config.difference(config)
        if difference is not None:
            raise RunError(
                f"run {folder} was started with other settings ({difference}); "
                "use its settings to go on, or another --out"
            )
        return recorded
    if folder.is_dir() and any(not is_leftover(entry.name) for entry in folder.iterdir()):
        raise RunError(
            f"{folder} holds files but no run.json, so it is no run of nas; choose another --out"
        )
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; --out must name a folder")
    return None


def read_run(folder: Path) -> Run:
    """Read a run folder's settings. Raises: RunError if it is missing, foreign or damaged."""
    marker = folder / MARKER
    document = read_marker(
        marker,
        kind="search",
        newest_schema=RUN_SCHEMA,
        missing=f"{folder} is no run of nas: it has no run.json",
        foreign="is not the record of a nas search; choose another --out",
    )
    try:
        config = SearchConfig.from_dict(document.get("config"))
    except RunError as error:
        raise RunError(f"{marker}: {error}; restore it, or start anew") from None
    return Run(folder, config, str(document.get("command", "")))


def choose_folder(
    config: SearchConfig, label: str, runs: Path = RUNS, taken: Collection[Path] = ()
) -> Path:
    """The folder of a search that names none: runs/<date>-<space>-<target>.

    An unfinished run of the same settings is gone on with, whatever its date; a name that other
    settings have taken today gets a number. Folders in `taken` are passed over.
    """
    for folder in sorted(set(run_folders(runs)).difference(taken), reverse=True):
        try:
            recorded = read_run(folder)
        except RunError:
            continue
        same = recorded.config.difference(config) is None
        if same and not (folder / "best.json").exists():
            return folder
    stem = f"{datetime.date.today().isoformat()}-{config.space.replace(':', '.')}-{label}"
    number = 1
    while True:
        folder = runs / (stem if number == 1 else f"{stem}-{number}")
        if not folder.exists():
            return folder
        try:
            same = read_run(folder).config.difference(config) is None
            if same and folder not in taken:
                return folder
        except RunError:
            pass
        number += 1


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder. Raises: RunError if another process works on it."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RunError(f"cannot write in the run folder {folder}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise RunInUseError(
                f"run {folder} is in use by process {holder}; wait for it, or stop it"
            ) from None
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        except OSError as error:
            reason = error.strerror
            raise RunError(f"cannot write in the run folder {folder}: {reason}") from None
        yield
    finally:
        os.close(descriptor)


def provenance() -> dict[str, Any]:
    """Where a result is from, as every record keeps it: versions, machine."""
    return {"versions": versions(), "machine": machine()}


def versions() -> dict[str, str]:
    """What a result may depend on: package versions, Python, platform."""
    found = {"compound-nas": __version__, "python": platform.python_version()}
    for name in RECORDED_VERSIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["platform"] = platform.platform()
    return found


def command_line(arguments: list[str]) -> str:
    """The command as a person would type it again, but for a database's password."""
    return shlex.join(["nas", *(shown_url(text) if "://" in text else text for text in arguments)])


def study_name(config: SearchConfig) -> str:
    """The Optuna study of a configuration; what may change when it goes on is not part of it."""
    return f"nas-{config.space}-{config.target_flops}-{config.digest()}"


class StudyLog:
    """The durable study: finished trials in, finished trials out.

    Trials are added whole, in one record, when they are finished; so nothing is ever half there.
    """

    def __init__(self, run: Run, directions: list[Direction]) -> None:
        import optuna
        from optuna.exceptions import StorageInternalError

        config = run.config
        storage: Any
        if config.storage is None:
            storage = journal_storage(run.journal)
        else:
            try:
                storage = optuna.storages.get_storage(config.storage)
            except Exception as error:
                raise RunError(
                    f"cannot open --storage {shown_url(config.storage)}: {storage_reason(error)}"
                ) from error
        try:
            self._study: Study = optuna.create_study(
                storage=storage,
                study_name=study_name(config),
                directions=directions,
                load_if_exists=True,
            )
        except (KeyError, ValueError, OSError, StorageInternalError) as error:
            reason = storage_reason(error)
            raise RunError(
                f"cannot open the study of run {run.folder}: {reason}; see that it can be written"
            ) from error

    def trials(self) -> list[FrozenTrial]:
        """Every finished trial, in the order of their numbers."""
        return [t for t in self._study.get_trials(deepcopy=False) if t.state.is_finished()]

    def add(self, trial: FrozenTrial) -> FrozenTrial:
        """Make one finished trial durable; returns it as it is kept.

        It is numbered in the order in which trials finish, which with several workers is not the
        order in which they were asked. Raises: RunError if the storage refuses.
        """
        with saved(f"trial {trial.number}"):
            self._study.add_trial(trial)
            kept = self._study.get_trials(deepcopy=False)
        question = trial.user_attrs["question"]
        return next(t for t in reversed(kept) if t.user_attrs.get("question") == question)
