"""What `nas search` says of latencies: predicted by a table, and measured again."""

from __future__ import annotations

import click

from nas.cli.output import print_table
from nas.searching.device_tables import LATENCY
from nas.searching.problem import Problem
from nas.searching.results import SearchResult


def print_latency(problem: Problem, result: SearchResult) -> None:
    """The finalists, and whether the found network meets its bounds as measured."""
    report = result.latency
    if report is None:
        return
    click.echo()
    for metric, table in problem.tables.items():
        click.echo(
            f"latency by {metric.removeprefix(LATENCY)}: {table.device.describe()}; "
            f"{table.check.describe()}"
        )
    if report.not_measured:
        click.echo(f"latencies are predicted, not measured: {report.not_measured}")
        return
    if not report.finalists:
        return
    metrics = list(problem.tables)
    scored = result.best is not None and result.best.score is not None
    rows = []
    for each in report.finalists:
        times = [f"{each.predicted_ms[m]:.2f} ms" for m in metrics]
        times += [f"{each.measured_ms[m]:.2f} ms" for m in metrics]
        figure = f"{each.figure:.6g}" if scored else f"{100 * each.figure:.2f} %"
        note = "" if each.met else "too slow"
        noise = f"noisy: {each.noise}" if each.noise else ""
        rows.append([f"trial {each.trial}", figure, *times, note or noise])
    devices = [metric.removeprefix(LATENCY) if len(metrics) > 1 else "" for metric in metrics]
    headers = [
        f"{kind} {device}".strip() for kind in ("predicted", "measured") for device in devices
    ]
    print_table(("finalist", "score" if scored else "accuracy", *headers, "note"), rows)
    if report.met:
        click.echo("the found network meets its latency bound as measured here")
    elif report.met is False:
        click.echo(
            f"none of {len(report.finalists)} finalists meets the latency bound as measured here; "
            "the found network meets it as predicted only: lower the bound a little"
        )
