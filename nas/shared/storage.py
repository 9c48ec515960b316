"""A database server as the common storage of several drivers, patient with lost connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from nas.errors import RunError
from nas.runs.journal import storage_reason
from nas.shared.claims import RETRIES
from nas.shared.database_url import driver_url, missing_driver, shown_url

Result = TypeVar("Result")

# Two drivers that meet an empty database both make its tables; the later one tries again.
OPENING_ATTEMPTS = 6
# A statement that a lost connection has broken is said again so often.
STATEMENT_ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class SharedSettings:
    """Seconds. A driver shows every `heartbeat` that it lives; one silent for `grace` is dead.

    patience: how long a lost database is waited for.
    """

    heartbeat: int = 5
    grace: int = 30
    patience: float = 60.0


class PatientStorage(RDBStorage):
    """Optuna's storage, which waits for a database that is gone instead of losing a result.

    Where a connection cannot be made, it is tried again with growing pauses until the patience is
    used up; `lost` then says why, and every later call fails at once.
    """

    def __init__(self, url: str, settings: SharedSettings, threads: int) -> None:
        self._patience = 0.0
        self.lost: str | None = None
        super().__init__(
            driver_url(url),
            engine_kwargs=_engine_settings(url, threads),
            heartbeat_interval=settings.heartbeat,
            grace_period=settings.grace,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )
        sqlalchemy.event.listen(self.engine, "do_connect", self._connect)
        # Only from here on: a wrong URL should be told at once.
        self._patience = settings.patience

    def _connect(self, dialect: Any, record: Any, arguments: Any, keywords: Any) -> Any:
        give_up = time.monotonic() + self._patience
        pause = 0.1
        while True:
            try:
                return dialect.connect(*arguments, **keywords)
            except dialect.loaded_dbapi.Error as error:
                if self.lost is not None or time.monotonic() + pause > give_up:
                    self.lost = self.lost or storage_reason(error)
                    raise
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def again(self, statement: Callable[[], Result]) -> Result:
        """What `statement` gives; said again where a lost connection broke it."""
        for _ in range(STATEMENT_ATTEMPTS - 1):
            try:
                return statement()
            except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
                if not lost_connection(error):
                    raise
        return statement()

    # What stands between the end of an evaluation and its being saved:

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self.again(lambda: super(PatientStorage, self).get_trial(trial_id))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self.again(lambda: super(PatientStorage, self).set_trial_user_attr(trial_id, key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self.again(lambda: super(PatientStorage, self).set_trial_system_attr(trial_id, key, value))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        try:
            return self.again(
                lambda: super(PatientStorage, self).set_trial_state_values(trial_id, state, values)
            )
        except UpdateFinishedTrialError:
            # The connection may have gone after the commit and before its confirmation.
            trial = self.get_trial(trial_id)
            if state.is_finished() and (trial.state, trial.values) == (state, _listed(values)):
                return True
            raise

    def record_heartbeat(self, trial_id: int) -> None:
        # It runs in a thread of its own, where an error would end the beat and print a traceback.
        try:
            super().record_heartbeat(trial_id)
        except StorageInternalError as error:
            if not lost_connection(error):
                raise


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)


def _engine_settings(url: str, threads: int) -> dict[str, Any]:
    # Each thread has a heartbeat beside it. Pre-ping finds a connection that a restart has ended.
    settings: dict[str, Any] = {"pool_size": 2 * threads + 2, "pool_pre_ping": True}
    if url.startswith("sqlite"):
        return settings
    connect = {"connect_timeout": 10}
    if driver_url(url).startswith("postgresql+psycopg:"):
        # Without these an unplugged network is noticed after a quarter of an hour.
        connect |= {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        connect |= {"tcp_user_timeout": 60_000}
    return {**settings, "connect_args": connect}


def open_storage(url: str, settings: SharedSettings, threads: int = 1) -> PatientStorage:
    """Connect to a database. Raises: RunError in one line if that is not possible."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return PatientStorage(url, settings, threads)
        except ImportError:
            raise RunError(missing_driver(url)) from None
        except (sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.IntegrityError) as error:
            if attempt == OPENING_ATTEMPTS:
                raise RunError(_cannot_open(url, error)) from error
        except Exception as error:
            raise RunError(_cannot_open(url, error)) from error
        time.sleep(0.1 * attempt)


def _cannot_open(url: str, error: BaseException) -> str:
    return (
        f"cannot open --storage {shown_url(url)}: {storage_reason(error)}; "
        "check the URL, and that the server runs"
    )


def lost_connection(error: BaseException | None) -> bool:
    """Whether an error comes, at any remove, from a connection that is gone."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, sqlalchemy.exc.DBAPIError) and (
            error.connection_invalidated or isinstance(error, sqlalchemy.exc.OperationalError)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False
