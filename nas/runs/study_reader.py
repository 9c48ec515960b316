"""Reading the study of a search that may be running, without a trace: no lock, no repair, no write.

A journal's last line may be half written; it is passed over until it is whole.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NoStudyError, RunError
from nas.runs.journal import storage_reason
from nas.runs.records import study_name
from nas.searching.config import SearchConfig
from nas.shared.database_url import (
    driver_url,
    hides_password,
    is_shared,
    missing_driver,
    shown_url,
    without_password,
)

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_NAME = re.compile(r"nas-(?P<space>.+)-(?P<target>\d+)-[0-9a-f]{8}")


class StudyReader:
    """The trials of one study, read anew, in its newest state, at each call."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @property
    def name(self) -> str:
        return self._study.study_name

    def config(self) -> SearchConfig | None:
        """The settings that a shared study announces; None where it does not."""
        settings = self._study.user_attrs.get("config")
        return None if settings is None else SearchConfig.from_dict(settings)

    def named_for(self) -> tuple[str, int] | None:
        """Space and target FLOPs out of the study's name; None for a name that is not ours."""
        match = _NAME.fullmatch(self.name)
        return None if match is None else (match["space"], int(match["target"]))

    def trials(self) -> list[FrozenTrial]:
        """Every trial, under way or finished. Raises: RunError where they cannot be read."""
        try:
            return self._study.get_trials(deepcopy=False)
        except Exception as error:
            raise RunError(f"cannot read study {self.name}: {storage_reason(error)}") from error


def read_run_study(folder: Path, config: SearchConfig) -> StudyReader | None:
    """The study of a run folder; None where nothing is recorded yet.

    Raises: RunError if it cannot be read.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage: Any
    if config.storage is not None:
        storage = _open_database(config.storage)
    else:
        journal = folder / "study.journal"
        # The backend would make a journal that is not there.
        if not journal.exists():
            return None
        try:
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        except Exception as error:
            raise RunError(
                f"the journal {journal} is damaged ({storage_reason(error)}); restore it"
            ) from error
    try:
        return StudyReader(optuna.load_study(study_name=study_name(config), storage=storage))
    except KeyError:
        return None


def read_database_study(url: str, name: str | None = None) -> StudyReader:
    """The study `name` of a database, or the one that was begun last.

    Raises: RunError if the database cannot be read or holds no such study.
    """
    import optuna

    storage = _open_database(url)
    try:
        found = optuna.get_all_study_summaries(storage, include_best_trial=False)
    except Exception as error:
        raise RunError(f"cannot read {shown_url(url)}: {storage_reason(error)}") from error
    ours = [s for s in found if s.study_name == name or (not name and _NAME.match(s.study_name))]
    if not ours:
        what = f"study {name}" if name else "study of nas search"
        names = ", ".join(sorted(s.study_name for s in found)) or "none at all"
        raise NoStudyError(f"{shown_url(url)} holds no {what}; it holds {names}")
    # A study without a trial has no time; it was made just now.
    newest = max(ours, key=lambda s: (s.datetime_start or datetime.max, s.study_name))
    return StudyReader(optuna.load_study(study_name=newest.study_name, storage=storage))


def _open_database(url: str) -> Any:
    import optuna

    hidden = hides_password(url)
    url = without_password(url)
    try:
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///").partition("?")[0])
            if not path.is_file():
                raise NoStudyError(f"cannot open {url}: there is no file {path}")
            url = f"sqlite:///file:{path}?mode=ro&uri=true"
        elif not is_shared(url):
            return optuna.storages.get_storage(url)
        backend = optuna.storages.RDBStorage(driver_url(url), skip_table_creation=True)
        return optuna.storages.get_storage(backend)
    except RunError:
        raise
    except ImportError:
        raise RunError(missing_driver(url)) from None
    except Exception as error:
        reason = storage_reason(error)
        if _without_tables(error):
            raise NoStudyError(f"{shown_url(url)} holds no study: {reason}") from error
        hint = "check the URL"
        if hidden:
            hint = "the run does not record its password: name the database by its whole URL"
        raise RunError(f"cannot open {shown_url(url)}: {reason}; {hint}") from error


def _without_tables(error: Exception) -> bool:
    """Whether a database answered that it does not know Optuna's tables."""
    from sqlalchemy.exc import ProgrammingError

    cause = error.__cause__ or error
    return isinstance(cause, ProgrammingError) or "no such table" in str(cause)
