"""`nas run`: all of it from one plan."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

import click

from nas.cli.options import json_option
from nas.errors import ConfigError, RunError
from nas.files import write_text_atomic
from nas.pipeline.folder import PLAN, STAGES, is_pipeline
from nas.pipeline.plan import Plan, parse_plan, read_plan
from nas.pipeline.written_plan import written_plan
from nas.runs.finding import RUNS


@click.command("run")
@click.argument("place", metavar="[PLAN.toml|FOLDER]", required=False, type=Path)
@click.option("--data", metavar="DIR|sample", help="Images, for a plan that is written for you.")
@click.option(
    "--target-flops", "-t", metavar="COUNT", help="T, such as 50M, for a plan written for you."
)
@click.option("--quick", is_flag=True, help="A toy plan that tries every stage in minutes.")
@click.option(
    "--write-plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the plan there, to be read and changed, and stop.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The run's folder.  [default: runs/<the plan's name>, or runs/<data>-<target>]",
)
@click.option(
    "--redo",
    type=click.Choice(STAGES),
    help="Make this stage and what builds on it anew; what was there is kept in earlier/.",
)
@click.option("--dry-run", is_flag=True, help="Stages, commands, time and disk; do nothing.")
@click.option("--status", "status_only", is_flag=True, help="Which stages are done; do nothing.")
@click.option("--quiet", is_flag=True, help="Only the result; what stages say is in logs/.")
@json_option
def command(
    place: Path | None,
    data: str | None,
    target_flops: str | None,
    quick: bool,
    write_plan: Path | None,
    out: Path | None,
    redo: str | None,
    dry_run: bool,
    status_only: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Search, retrain, fit, family, train a member, export, report: one folder, one command.

    \b
    nas run --data DIR --target-flops 50M     by a plan written for you
    nas run -t 50M --data DIR --write-plan my.toml    the plan alone, to change first
    nas run my.toml                           run it in runs/my
    nas run runs/my                           go on; --status: where it stands
    nas run runs/my --redo train              a stage, and what builds on it
    nas run --quick                           try everything in minutes

    Every stage is the ordinary command in a process of its own, with its log in logs/. Stop it at
    any time, or lose it to a power failure: the same command goes on where it was. The plan's keys
    are the commands' own options, all of them read before the first stage begins; a change in the
    plan is refused where it would not be true of what was made already.

    \b
    --json: folder, state, stages (list; each: stage, state, seconds, attempts, place, commands,
    result). With --dry-run: folder, gpus, spread (the factor within which the sum of the seconds
    is meant), stages (list; each: stage, commands, done, seconds, start_seconds, worker_hours,
    gpu_hours, bytes, known_by).
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    plan = _plan(place, data, target_flops, quick)
    if write_plan is not None:
        _write_plan(write_plan, plan)
        return
    folder = out or _folder(place, plan, data, target_flops, quick)
    if place is None:
        _refuse_another_plan(plan, folder)
    if status_only:
        from nas.cli.run_status import show_status

        show_status(folder, as_json)
        return
    if dry_run:
        from nas.cli.run_forecast import show_forecast

        show_forecast(plan, folder, as_json)
        return
    from nas.cli.run_stages import run_stages

    sys.exit(run_stages(plan, folder, redo, quiet=quiet, as_json=as_json))


def _plan(place: Path | None, data: str | None, target_flops: str | None, quick: bool) -> Plan:
    if place is None:
        return parse_plan(written_plan(data, target_flops, quick=quick), "the written plan")
    given = {"--data": data, "--target-flops": target_flops, "--quick": quick or None}
    extra = [name for name, value in given.items() if value is not None]
    if extra:
        raise ConfigError(f"{extra[0]} is for a plan written for you; {place} says it itself")
    if place.is_dir():
        if not is_pipeline(place):
            raise RunError(f"{place} is no folder of `nas run`; name a plan, or such a folder")
        return read_plan(place / PLAN)
    return read_plan(place)


def _refuse_another_plan(plan: Plan, folder: Path) -> None:
    """A plan that was changed after it was written is not to be written over."""
    if not is_pipeline(folder):
        return
    kept = read_plan(folder / PLAN)
    if dataclasses.replace(kept, source=plan.source, text=plan.text) != plan:
        raise RunError(
            f"{folder} has a plan of its own, other than the one written for these options; "
            f"`nas run {folder}` goes on with it, or take another --out"
        )


def _write_plan(path: Path, plan: Plan) -> None:
    if path.exists():
        raise ConfigError(f"{path} is there already; name another file, or move it away")
    write_text_atomic(path, plan.text)
    click.echo(f"wrote {path}; run it with `nas run {path}`")


def _folder(
    place: Path | None, plan: Plan, data: str | None, target_flops: str | None, quick: bool
) -> Path:
    """The run's folder: the same for the same command, so that it goes on."""
    if place is not None:
        if place.is_dir():
            return place
        # The plan that a run keeps in its own folder.
        return place.parent if is_pipeline(place.parent) else RUNS / place.stem
    images = Path((data or ("sample" if quick else "imagenet")).partition(":")[0]).resolve().name
    target = str(plan.stages["search"]["target-flops"])
    label = "-".join([images or "data", target, *(["quick"] if quick else [])])
    return RUNS / (re.sub(r"[^\w.-]+", "-", label).strip("-.") or "run")
