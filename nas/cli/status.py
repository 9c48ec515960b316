"""`nas status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from nas.cli.options import json_option

CLEAR_SCREEN = "\x1b[2J\x1b[H"
WATCH_SECONDS = 5.0


class WatchSeconds(click.ParamType):
    """The pause between two looks; RUN stands before `--watch`, or it is taken for the pause."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number of seconds."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = -1.0
        if not 0.1 <= seconds <= 86400:
            self.fail(
                f"'{value}' is no pause of 0.1 to 86400 seconds; "
                "write for example `nas status RUN --watch 10`",
                param,
                ctx,
            )
        return seconds


@click.command("status")
@click.argument("run", required=False)
@click.option("--trial", type=click.IntRange(0), help="Show one trial in full.")
@click.option(
    "--watch",
    type=WatchSeconds(),
    is_flag=False,
    flag_value=WATCH_SECONDS,
    metavar="[SECONDS]",
    help="Look again every so often, until Ctrl-C [5].",
)
@click.option("--study", help="The study of a database that holds several [the newest].")
@json_option
def command(
    run: str | None, trial: int | None, watch: float | None, study: str | None, as_json: bool
) -> None:
    """Show where a search stands, while it runs or afterwards.

    RUN is the folder of a search or of `nas run`, a name below runs/, or the URL of a shared
    database; where it is left out, the search that was worked on last, in a `nas run` or by itself.
    Nothing is written or locked, so the search is not disturbed.

    \b
    --json: run, state, target_flops, evaluations, wanted, seconds_left, seconds_per_evaluation,
    evaluation_hours, gpu_hours, refused, repeats, failed, pruned, failures, best, top, pareto,
    under_way, trainings (each: digest, epoch, accuracy).
    A trial: trial, state, digest, accuracy, sd, score, source, values, flops, params,
    activations, seconds, started, finished, choices; with --trial also refused, repeat_of, error,
    constraints and other figures. What is not known is null. --watch: one document a line.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.status_text import show_status, show_trial
    from nas.runs.status import find_source

    source = find_source(run, study)

    def show() -> None:
        nonlocal source
        if source.reader is None:
            # Nothing was recorded when we looked last.
            source = find_source(run, study)
        if trial is not None:
            show_trial(source, trial, as_json)
        else:
            show_status(source, as_json, compact=watch is not None)

    if watch is None:
        show()
    else:
        _repeat(show, watch, clear=not as_json)


def _repeat(show: Callable[[], None], seconds: float, clear: bool) -> None:
    """Until Ctrl-C, which is the ordinary end of it."""
    # A terminal is cleared; a file or a pipe gets one status below the other.
    clear = clear and sys.stdout.isatty()
    try:
        while True:
            if clear:
                click.echo(CLEAR_SCREEN, nl=False)
            show()
            time.sleep(seconds)
            if not clear:
                click.echo()
    except KeyboardInterrupt:
        return
