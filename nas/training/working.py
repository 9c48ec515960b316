"""One training in its folder, held while it works; one that is done is read, not repeated."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.data.images import DataSet
from nas.training.job import choose_training_folder, held_training_folder, read_result
from nas.training.plan import Plan
from nas.training.run_job import run_job


@dataclass(frozen=True)
class Trained:
    """A finished training. result: as result.json holds it; None for all but the first process.

    already: whether it was done before, with the same settings.
    """

    folder: Path
    result: dict[str, Any] | None
    already: bool


def train_in_folder(
    plan: Plan,
    data: DataSet,
    folder: Path | None,
    *,
    command: str,
    device: str | None,
    leads: bool = True,
    quiet: bool = False,
) -> Trained:
    """Train as planned, going on where the folder was left (None: trained/<network>-<data>).

    command: how the training was asked for, as recorded. leads: whether this is the first of
    several processes: it writes, the others only read its checkpoint.
    Raises: NasError if the folder is of another training or in use, or the training fails.
    """
    folder = folder or choose_training_folder(plan.job)
    with held_training_folder(folder, plan.job, command) if leads else nullcontext():
        done = read_result(folder)
        if done is not None:
            return Trained(folder, done, already=True)
        network, initial = plan.network()
        result = run_job(
            plan.job,
            network,
            data,
            folder,
            command=command,
            quiet=quiet,
            initial=initial,
            device=device,
        )
    return Trained(folder, result, already=False)
