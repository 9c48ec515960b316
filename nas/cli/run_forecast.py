"""`nas run --dry-run`: the stages with their commands, and about what they take."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from nas.cli.output import print_json, print_table
from nas.cli.run_commands import parsed_stages
from nas.cli.run_estimate import SPREAD, Estimate, estimates
from nas.cli.run_stages import at_working_folder, plan_steps
from nas.pipeline.changes import check_unchanged
from nas.pipeline.plan import Plan
from nas.pipeline.record import Record
from nas.units import format_bytes, format_duration


def show_forecast(plan: Plan, folder: Path, as_json: bool) -> None:
    """Check everything that a run would check, look ahead, and print; nothing is written."""
    from nas.workers import visible_gpus

    folder = at_working_folder(folder)
    steps = plan_steps(plan, folder)
    record = Record(folder)
    for step in steps:
        check_unchanged(plan, step, record)
    expected = estimates(plan, parsed_stages(plan), folder, record)
    gpus = len(visible_gpus())
    rows = [
        {
            "stage": step.stage,
            "commands": [["nas", *arguments] for arguments in step.commands],
            "done": record.done(step.stage),
            **_document(expected[step.stage], gpus),
        }
        for step in steps
    ]
    if as_json:
        print_json({"folder": str(folder), "gpus": gpus, "spread": SPREAD, "stages": rows})
        return
    click.echo(f"dry run: nothing is written; everything would go to {folder}\n")
    for row in rows:
        for words in row["commands"]:
            click.echo(shlex.join(words))
    click.echo()
    print_table(
        ("stage", "time", "GPU-hours" if gpus else "worker-hours", "disk", "known by"),
        [_cells(row) for row in rows],
    )
    _print_sum(rows, gpus)


def _document(expected: Estimate, gpus: int) -> dict[str, Any]:
    return {
        "seconds": expected.seconds,
        "start_seconds": expected.start_seconds,
        "worker_hours": expected.worker_hours,
        "gpu_hours": expected.worker_hours if gpus else None,
        "bytes": expected.bytes,
        "known_by": expected.source,
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if row["done"]:
        return (row["stage"], "done", "-", "-", "")
    seconds, hours = row["seconds"], row["worker_hours"]
    return (
        row["stage"],
        "not known" if seconds is None else format_duration(seconds),
        "-" if not hours else f"{hours:.3g}",
        format_bytes(row["bytes"]),
        row["known_by"],
    )


def _print_sum(rows: list[dict[str, Any]], gpus: int) -> None:
    left = [row for row in rows if not row["done"]]
    known = [row["seconds"] for row in left if row["seconds"] is not None]
    hours = sum(row["worker_hours"] or 0.0 for row in left)
    what = f"{hours:.3g} GPU-hours" if gpus else f"{hours:.3g} hours of workers, no GPU here"
    more = "" if len(known) == len(left) else " and what is not known"
    disk = sum(row["bytes"] for row in left)
    total = sum(known)
    low, high = format_duration(total / SPREAD), format_duration(total * SPREAD)
    click.echo(
        f"\nall together: about {format_duration(total)}{more} (from {low} to {high}: networks "
        f"differ in speed by more than FLOPs tell), {what}, {format_bytes(disk)} of disk"
    )
