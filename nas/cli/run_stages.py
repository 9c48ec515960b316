"""`nas run` at work: everything is read and checked, then stage after stage is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from nas.cli.run_checks import check_ahead
from nas.cli.run_commands import effective_options, parsed_stages, stage_commands
from nas.cli.run_status import show_status
from nas.errors import ConfigError
from nas.pipeline.changes import check_unchanged
from nas.pipeline.execution import INTERRUPTED, StageInterruptedError, execute
from nas.pipeline.folder import stage_place
from nas.pipeline.plan import Plan
from nas.pipeline.process import StageProcess, held
from nas.pipeline.record import Record
from nas.pipeline.step import Step
from nas.runs.records import command_line


def plan_steps(plan: Plan, folder: Path) -> list[Step]:
    """The stages of a plan, ready to run in `folder`; all of them read by their commands.

    Raises: ConfigError, in one line, for what a stage would refuse.
    """
    begun = "search" in Record(folder).stages
    check_ahead(plan, parsed_stages(plan), searching=not begun)
    return [
        Step(
            stage,
            stage_place(stage, plan.member),
            stage_commands(plan, stage, folder),
            effective_options(plan, stage),
        )
        for stage in plan.stages
    ]


def run_stages(plan: Plan, folder: Path, redo: str | None, *, quiet: bool, as_json: bool) -> int:
    """Run what is not done; returns the exit code.

    Raises: NasError, in one line, for a plan or a folder that cannot be gone on with, or a stage
    that ended with an error.
    """
    if redo is not None and not plan.has(redo):
        raise ConfigError(f"--redo {redo}: {plan.source} has no such stage")
    folder = at_working_folder(folder)
    steps = plan_steps(plan, folder)

    def say(line: str) -> None:
        if not quiet:
            click.echo(f"nas run: {line}", err=True)

    def echo(text: str) -> None:
        if not quiet:
            click.echo(text, nl=False, err=True)

    Record(folder)  # a foreign folder should get no lock of ours
    with held(folder, say) as lock:
        record = Record(folder)
        record.finish_retiring()
        _prepare(plan, steps, record, redo)
        process = StageProcess(lock, Path.cwd(), echo)
        with process.watching():
            try:
                execute(plan, steps, record, process, say)
            except StageInterruptedError as stopped:
                click.echo(
                    f"interrupted in stage {stopped.stage}; what is done is kept, and `nas run "
                    f"{folder}` goes on",
                    err=True,
                )
                return INTERRUPTED
    show_status(folder, as_json)
    return 0


def _prepare(plan: Plan, steps: Sequence[Step], record: Record, redo: str | None) -> None:
    """Refuse what is no longer true, retire what is to be redone, and keep the plan."""
    anew = () if redo is None else plan.built_on(redo)
    for step in steps:
        if step.stage not in anew:
            check_unchanged(plan, step, record)
    gone = record.retire(anew)
    if gone is not None:
        click.echo(f"nas run: {', '.join(anew)} moved to {gone}", err=True)
    record.begin(plan, command_line(sys.argv[1:]))


def at_working_folder(folder: Path) -> Path:
    """Go to where the run began, since the plan's paths are relative to it; `folder` from there."""
    there = Record(folder).working_folder
    if there == Path.cwd() or not there.is_dir():
        return folder
    absolute = folder.resolve()
    os.chdir(there)
    click.echo(f"nas run: working in {there}, where this run began", err=True)
    return absolute.relative_to(there) if absolute.is_relative_to(there) else absolute
