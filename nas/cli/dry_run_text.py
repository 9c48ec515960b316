"""How `nas search --dry-run` prints what a search would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nas.cli.output import print_json
from nas.searching.config import SearchConfig
from nas.searching.dry_run import Forecast, forecast
from nas.searching.optuna_samplers import check_sampler
from nas.searching.problem import load_problem
from nas.units import format_bytes, format_count, format_duration


def show_dry_run(config: SearchConfig, out: Path | None, workers: int, as_json: bool) -> None:
    """Check everything that a search would check, look ahead, and print."""
    check_sampler(config.sampler)
    problem = load_problem(config)
    seen = forecast(problem, out, workers)
    if as_json:
        print_json(dry_run_document(seen, config.target_flops))
        return
    sample = seen.space
    fitting = sample.at_or_below(config.target_flops)
    click.echo("dry run: nothing is written")
    size = sample.size.networks
    # That no draw fits is not that no network does.
    count, least = (fitting.networks, "") if fitting.at_most is None else (fitting.at_most, "< ")
    click.echo(
        f"space {sample.space}: {size:.3g} networks, {least}{count:.2g} of them "
        f"({least}{count / size:.2%}) at or below {format_count(config.target_flops)} FLOPs"
    )
    if seen.within_bounds is not None:
        met = f"{seen.within_bounds:.1%}" if seen.within_bounds else "none in 500"
        click.echo(f"bounds: met by {met} of random networks, all together")
    done = f", {seen.done} of them done" if seen.done else ""
    where = "in this process" if seen.in_process else f"by {seen.workers} worker processes"
    on = f" on GPUs {', '.join(seen.gpus)}" if seen.gpus else ""
    click.echo(f"evaluations: {seen.wanted}{done}; {where}{on}")
    click.echo(f"time: {_time(seen)}")
    kept = (
        f"up to {format_bytes(seen.kept)} of checkpoints"
        if seen.kept
        else "what the evaluator keeps"
    )
    click.echo(f"disk: about {format_bytes(seen.bytes)}, and {kept}")
    action = "gone on with" if seen.goes_on else "made"
    held = f", in use by process {seen.process}" if seen.process is not None else ""
    click.echo(f"run folder: {seen.folder} ({action}{held})")
    click.echo(f"files: {', '.join(seen.files)}")
    if seen.study is not None:
        click.echo(f"study: {seen.study}")


def _time(seen: Forecast) -> str:
    each = seen.evaluation
    asking = f"sampler {format_duration(seen.asking)}"
    if seen.remaining == 0:
        return "none, all evaluations are done"
    if each.seconds is None or seen.seconds is None:
        return f"{each.source}; {asking}. `nas status` tells, once the first are done"
    one = format_duration(each.seconds)
    return f"about {format_duration(seen.seconds)} ({one} an evaluation, {each.source}; {asking})"


def dry_run_document(seen: Forecast, target_flops: int) -> dict[str, Any]:
    """What `nas search --dry-run --json` prints."""
    sample = seen.space
    fitting = sample.at_or_below(target_flops)
    return {
        "space": sample.space,
        "target_flops": target_flops,
        "networks": sample.size.networks,
        "fitting": {
            "networks": fitting.networks,
            "standard_error": fitting.standard_error,
            "share": fitting.networks / sample.size.networks,
        },
        "within_bounds": seen.within_bounds,
        "evaluations": seen.wanted,
        "done": seen.done,
        "workers": seen.workers,
        "gpus": list(seen.gpus),
        "seconds": seen.seconds,
        "seconds_per_evaluation": seen.evaluation.seconds,
        "seconds_known_by": seen.evaluation.source,
        "sampler_seconds": seen.asking,
        "bytes": seen.bytes,
        "checkpoint_bytes": seen.kept,
        "run": str(seen.folder),
        "goes_on": seen.goes_on,
        "in_use_by": seen.process,
        "study": seen.study,
        "files": list(seen.files),
    }
