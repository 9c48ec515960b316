"""What `nas search` says before a search that trains, and the trust report after it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.ray_workers import RaySettings
    from nas.runs.records import Run
    from nas.searching.problem import Problem


def say_beforehand(
    problem: Problem,
    run: Run,
    workers: int,
    ray: RaySettings | None,
    notes: Sequence[str],
    trust: int,
    quiet: bool,
) -> None:
    """What a search that takes long will do and cost, on stderr."""
    if quiet or problem.evaluator.cheap:
        return
    from nas.cli.search_text import beforehand

    for line in (*notes, *beforehand(problem, run, workers, ray)):
        click.echo(line, err=True)
    if problem.first_filter is not None:
        click.echo(problem.first_filter.describe(), err=True)
    if trust:
        click.echo(
            f"then a trust report: a random search with as many trainings, and {trust} of the "
            f"best, {trust} others and known networks trained longer; --trust 0 leaves it out",
            err=True,
        )


def here() -> int:
    """Workers of this machine, for what is not done on a cluster."""
    from nas.workers import visible_gpus

    return max(1, len(visible_gpus()))


def report_trust(
    run: Run, networks: int, workers: int, quiet: bool, as_json: bool
) -> dict[str, Any]:
    """Retrain and compare, where that was asked for, and print it unless `as_json`.

    Returns what it adds to the search's document. The search is done whatever becomes of its
    report: why there is none is told in a line.
    """
    if not networks:
        return {}
    from nas.runs.records import command_line
    from nas.trust.retraining import trust_report
    from nas.trust.settings import TrustSettings

    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            report = trust_report(
                run,
                TrustSettings(networks),
                workers,
                say,
                command=command_line(sys.argv[1:]),
            )
    except NasError as error:
        click.echo(f"no trust report: {error}; `nas trust {run.folder}` tries again", err=True)
        return {"trust": None, "trust_error": str(error)}
    except KeyboardInterrupt:
        click.echo(
            "interrupted in the trust report; what it trained is saved, and the same command, or "
            f"`nas trust {run.folder}`, goes on",
            err=True,
        )
        sys.exit(130)
    if not as_json:
        click.echo(f"\n{report.text()}")
    return {"trust": report.to_dict()}
