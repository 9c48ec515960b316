"""The study that several drivers share: what is judged, what is under way, whose turn it is.

A driver that wants to judge a network *claims* it first: it writes its trial's own number on the
trial, as `claim`, while it holds the study's row in the database. So two drivers never claim one
network, and never more networks than are wanted. A claim ends with its trial; the trial of a driver
that died is failed by the others once its heartbeat is old, and queued again under another number.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
import sqlalchemy
from optuna import Study, Trial
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.errors import RunError
from nas.objective import Direction
from nas.runs.journal import storage_reason
from nas.runs.records import study_name
from nas.searching.config import SearchConfig
from nas.shared.claims import claims, is_claim, judged_networks
from nas.shared.storage import PatientStorage

UNFINISHED = (TrialState.RUNNING, TrialState.WAITING)


class SharedStudy:
    """One driver's view of the study; each thread has its own."""

    def __init__(
        self, storage: PatientStorage, config: SearchConfig, directions: list[Direction]
    ) -> None:
        self._storage = storage
        try:
            self.study: Study = optuna.create_study(
                storage=storage,
                study_name=study_name(config),
                directions=directions,
                load_if_exists=True,
            )
        except (KeyError, ValueError, optuna.exceptions.StorageInternalError) as error:
            raise RunError(
                f"cannot open the study in --storage: {storage_reason(error)}"
            ) from error

    def announce(self, config: SearchConfig, fingerprint: str | None = None) -> None:
        """Tell `nas status URL` what is searched for. The URL stays out: it may hold a password;
        so does where this machine has the images.

        fingerprint: of the images, where there are any.
        Raises: RunError if the other drivers' images are not the same.
        """
        settings = {**config.to_dict(), "storage": None, "data_path": None}
        if self.study.user_attrs.get("config") != settings:
            self.study.set_user_attr("config", settings)
        known = self.study.user_attrs.get("fingerprint")
        if known is None and fingerprint is not None:
            self.study.set_user_attr("fingerprint", fingerprint)
        elif known != fingerprint:
            raise RunError(
                f"the images of {config.data} on this machine are not those that the other drivers "
                "of this search have; copy them, or search in another database"
            )

    def claim(self, trial: Trial, digest: str, wanted: int) -> FrozenTrial | int | None:
        """Claim a network for a trial; None where it is ours.

        Otherwise the finished trial that judged it, or the number of the trial that is at it; or
        this trial's own number, where as many networks as are wanted are judged or under way.
        """
        # From now on a claim stands in the way of others, so our death must be noticed.
        self._storage.record_heartbeat(trial._trial_id)
        return self._storage.again(lambda: self._claim(trial, digest, wanted))

    def _claim(self, trial: Trial, digest: str, wanted: int) -> FrozenTrial | int | None:
        with self._alone():
            trials = self.study.get_trials(deepcopy=False)
            judged = judged_networks(trials)
            if digest in judged:
                return judged[digest]
            others = [t for t in trials if t.number != trial.number]
            coming = [t for t in others if t.state in UNFINISHED and _holds(t, digest)]
            if coming:
                return coming[0].number
            if len(judged) + len(claims(others)) >= wanted:
                return trial.number
            trial.set_user_attr("claim", trial.number)
            return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the study's row, as Optuna itself does to number a new trial."""
        row = sqlalchemy.text("SELECT study_id FROM studies WHERE study_id = :study FOR UPDATE")
        with self._storage.engine.begin() as connection:
            connection.execute(row, {"study": self.study._study_id})
            yield

    def queue_again(self, trial: Trial) -> None:
        """Have a trial that is given up asked again, by whichever driver asks next."""
        self.study.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
            )
        )

    def rescue(self, trial: Trial, values: list[float], attributes: dict[str, Any]) -> None:
        """Save a paid-for answer whose trial the others took for dead; nobody need repeat it."""
        self.study.add_trial(
            create_trial(
                values=values,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={**trial.user_attrs, **attributes},
            )
        )


def _holds(trial: FrozenTrial, digest: str) -> bool:
    """Whether an unfinished trial will judge a network: claimed, or queued after a death."""
    if trial.user_attrs.get("digest") != digest:
        return False
    return trial.state == TrialState.WAITING or is_claim(trial)
