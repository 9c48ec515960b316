"""Who is at which network: what the trials of a study say about work under way, and given up."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# A trial whose driver dies is tried again so often: with the first time, three times in all.
RETRIES = 2
# Why a trial that was asked brought nothing to the study; its network may be asked again.
SURPLUS, INTERRUPTED = "surplus", "interrupted"


def is_claim(trial: FrozenTrial) -> bool:
    """Whether a running trial is judging its network.

    A queued copy of a dead driver's trial carries the old trial's number, so it is no claim.
    """
    return trial.state.name == "RUNNING" and trial.user_attrs.get("claim") == trial.number


def claims(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials whose networks are being judged."""
    return [trial for trial in trials if is_claim(trial)]


def settled(trial: FrozenTrial) -> FrozenTrial | None:
    """A finished trial as the ledger counts it; None where it decided nothing.

    A trial that was given up, or whose driver died, decides nothing unless it was the last attempt:
    then its network is set aside, with the reason.
    """
    attrs = trial.user_attrs
    if not trial.state.is_finished() or "digest" not in attrs:
        return None
    if trial.state.name != "FAIL" or "repeat_of" in attrs or "error" in attrs:
        return trial
    given_up = attrs.keys() & {SURPLUS, INTERRUPTED}
    if given_up or attrs.get("claim") != trial.number or not _retries_used_up(trial):
        return None
    marked = copy.copy(trial)
    reason = f"network {attrs['digest'][:8]} lost its driver {RETRIES + 1} times, set aside"
    marked.user_attrs = {**attrs, "error": reason}
    return marked


def judged_networks(trials: Sequence[FrozenTrial]) -> dict[str, FrozenTrial]:
    """Digest -> the trial that paid for the network, failures included."""
    found: dict[str, FrozenTrial] = {}
    for trial in trials:
        counted = settled(trial)
        if counted is not None and not counted.user_attrs.keys() & {"refused", "repeat_of"}:
            found.setdefault(counted.user_attrs["digest"], counted)
    return found


def _retries_used_up(trial: FrozenTrial) -> bool:
    # What `RetryHeartbeatStaleTrialCallback.retry_history` reads, without its warning.
    return len(trial.system_attrs.get("retry_history", [])) >= RETRIES
