"""Stage after stage, each where it was left."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from nas.errors import NasError
from nas.pipeline.changes import check_unchanged
from nas.pipeline.folder import LOGS
from nas.pipeline.inputs import inputs_of
from nas.pipeline.plan import Plan
from nas.pipeline.process import Say, StageProcess
from nas.pipeline.record import Record
from nas.pipeline.step import Step

INTERRUPTED = 130


class StageError(NasError):
    """A stage that ended without a result."""


class StageInterruptedError(Exception):
    """A signal has asked the run to stop, and the stage has saved what it has."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


def execute(
    plan: Plan, steps: Sequence[Step], record: Record, process: StageProcess, say: Say
) -> None:
    """Run the stages that are not done.

    Raises: StageError if one ends with an error, StageInterruptedError if a signal stopped it,
    RunError where a stage was made of other settings or inputs.
    """
    worked = False
    for number, step in enumerate(steps, start=1):
        check_unchanged(plan, step, record)
        # The report is of all stages: made again where one of them was.
        if record.done(step.stage) and not (worked and step.stage == "report"):
            continue
        worked = True
        say(f"{step.stage} (stage {number} of {len(steps)})")
        _run(plan, step, record, process)


def _run(plan: Plan, step: Step, record: Record, process: StageProcess) -> None:
    stage, folder = step.stage, record.folder
    record.start(
        stage,
        place=step.place,
        options=dict(step.options),
        commands=[list(arguments) for arguments in step.commands],
        inputs=inputs_of(plan, stage, folder),
    )
    if stage == "export":
        _sweep(folder / step.place)
    log = folder / LOGS / f"{stage}.log"
    started = time.monotonic()
    code = INTERRUPTED
    for arguments in step.commands:
        code = INTERRUPTED if process.asked else process.run(arguments, log)
        if code != 0:
            break
    if code != 0 and process.asked:
        code = INTERRUPTED
    record.end(stage, code, time.monotonic() - started)
    if process.asked or code == INTERRUPTED:
        raise StageInterruptedError(stage)
    if code != 0:
        raise StageError(_reason(step, code, log, folder))


def _reason(step: Step, code: int, log: Path, folder: Path) -> str:
    if code < 0:
        why = f"was killed by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            why += " (out of memory?)"
        return f"stage {step.stage} {why}; `nas run {folder}` goes on where it was"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = lines[-1].removeprefix("nas: ").strip() if lines else "it said nothing"
    return (
        f"stage {step.stage} ended with exit code {code}: {last} (all it said is in {log}; mend "
        f"it, and `nas run {folder}` goes on)"
    )


def _sweep(folder: Path) -> None:
    """Remove what a killed export was filling; it is there whole or not at all."""
    for pattern in (".*.tmp", ".*.old"):
        for left in folder.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
