"""How `nas status` prints a search and a trial."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from nas.cli.output import print_json, print_table
from nas.runs.status import Source, Status, figure, find_trial, read_status
from nas.units import format_count, format_duration

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# The costs that have no unit but their number; the rest of a `Cost` is in bytes.
_COUNTS = ("flops", "params", "activations")
_SHOWN = ("digest", "accuracy", "sd", "score", "source", "seconds", *_COUNTS)
_EPOCHS_SHOWN = 8
_MOST_UNDER_WAY = 8


def show_status(source: Source, as_json: bool, compact: bool) -> None:
    """Print a search; `compact`: a document on one line."""
    status = read_status(source)
    if as_json:
        document = status_document(status)
        if compact:
            click.echo(json.dumps(document))
        else:
            print_json(document)
        return
    _print_head(status)
    if status.top:
        click.echo()
        click.echo(f"top {len(status.top)} at or below the target:")
        print_table(_headers(status.top), [_row(trial) for trial in status.top])
    if status.pareto:
        click.echo()
        click.echo("Pareto set (no other is as good with fewer FLOPs):")
        print_table(_headers(status.pareto), [_row(trial) for trial in status.pareto])
    if status.failures:
        click.echo()
        click.echo("failures:")
        rows = [[str(len(n)), reason, _numbers(n)] for reason, n in status.failures.items()]
        print_table(["failed", "reason", "trials"], rows)


def _print_head(status: Status) -> None:
    source, config = status.source, status.source.config
    click.echo(f"{source.label}: {status.state}")
    if config is not None:
        click.echo(
            f"space {config.space}, target {format_count(config.target_flops)} FLOPs, evaluator "
            f"{config.evaluator}, sampler {config.sampler}, seed {config.seed}"
        )
    click.echo(f"evaluations: {status.evaluations}{_wanted(status)}")
    hours = status.seconds / 3600
    gpus = "" if not status.gpus else f"; GPU-hours: {hours * status.gpus:.3g}"
    click.echo(f"evaluation-hours: {hours:.3g}{gpus}")
    failed = sum(map(len, status.failures.values()))
    pruned = f", stopped as hopeless: {status.pruned}" if status.pruned else ""
    click.echo(f"refused: {status.refused}, repeats: {status.repeats}, failed: {failed}{pruned}")
    if status.under_way:
        # A question becomes a trial when it is answered, and gets the trial's number then.
        names = [
            f"{name} {entry[name]}"
            for entry in status.under_way
            for name in ("trial", "question")
            if name in entry
        ]
        more = "" if len(names) <= _MOST_UNDER_WAY else ", ..."
        click.echo(f"under way: {len(names)} ({', '.join(names[:_MOST_UNDER_WAY])}{more})")
    for training in status.trainings[:_MOST_UNDER_WAY]:
        click.echo(
            f"training: network {training['digest'][:8]}, after epoch {training['epoch']} "
            f"{100 * training['accuracy']:.2f} %"
        )
    if status.top:
        best = status.top[0]
        flops = format_count(best.user_attrs["flops"])
        click.echo(f"best so far: {_figure(best)} at {flops} FLOPs (trial {best.number})")
    else:
        click.echo("best so far: none at or below the target yet")


def _wanted(status: Status) -> str:
    if status.wanted is None:
        return ""
    text = f" of {status.wanted}"
    left, pace = status.seconds_left, status.pace
    if left and pace is not None:
        each = format_duration(pace.seconds_per_evaluation)
        text += f", {format_duration(left)} left ({each} each over the last {pace.evaluations})"
    return text


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")


def _headers(trials: list[FrozenTrial]) -> list[str]:
    scored = "accuracy" not in trials[0].user_attrs
    return ["trial", "score" if scored else "accuracy", "FLOPs", "params", "activations", "values"]


def _row(trial: FrozenTrial) -> list[str]:
    costs = [format_count(trial.user_attrs[name]) for name in _COUNTS]
    values = ", ".join(f"{value:.6g}" for value in trial.values or [])
    return [str(trial.number), _figure(trial), *costs, values]


def _figure(trial: FrozenTrial) -> str:
    attrs = trial.user_attrs
    if "accuracy" not in attrs:
        return f"{figure(trial):.6g}"
    if "sd" not in attrs:
        return f"{100 * attrs['accuracy']:.2f} %"
    return f"{100 * attrs['accuracy']:.2f} ± {100 * attrs['sd']:.2f} %"


def status_document(status: Status) -> dict[str, Any]:
    """What `nas status --json` prints."""
    pace, hours = status.pace, status.seconds / 3600
    top = [trial_document(trial) for trial in status.top]
    return {
        "run": status.source.label,
        "state": status.state,
        "target_flops": status.source.target_flops,
        "evaluations": status.evaluations,
        "wanted": status.wanted,
        "seconds_left": status.seconds_left,
        "seconds_per_evaluation": None if pace is None else pace.seconds_per_evaluation,
        "evaluation_hours": hours,
        "gpu_hours": None if status.gpus is None else hours * status.gpus,
        "refused": status.refused,
        "repeats": status.repeats,
        "failed": sum(map(len, status.failures.values())),
        "pruned": status.pruned,
        "failures": [
            {"reason": reason, "trials": numbers} for reason, numbers in status.failures.items()
        ],
        "best": top[0] if top else None,
        "top": top,
        "pareto": [trial_document(trial) for trial in status.pareto],
        "under_way": status.under_way,
        "trainings": status.trainings,
    }


def trial_document(trial: FrozenTrial) -> dict[str, Any]:
    """One trial as plain values."""
    started, finished = trial.datetime_start, trial.datetime_complete
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        **{name: trial.user_attrs.get(name) for name in _SHOWN},
        "values": trial.values,
        "started": None if started is None else started.isoformat(timespec="seconds"),
        "finished": None if finished is None else finished.isoformat(timespec="seconds"),
        "choices": dict(trial.params),
    }


def show_trial(source: Source, number: int, as_json: bool) -> None:
    """Print one trial in full."""
    trial = find_trial(source, number)
    others = {k: v for k, v in trial.user_attrs.items() if k not in (*_SHOWN, "question", "claim")}
    document = {**trial_document(trial), **others, "constraints": dict(trial.constraints)}
    if trial.intermediate_values:
        document["epochs"] = {str(e): v for e, v in sorted(trial.intermediate_values.items())}
    if as_json:
        print_json(document)
        return
    click.echo(f"{source.label}, trial {number}: {document['state']}")
    for name, value in document.items():
        if name in ("trial", "state", "choices", "constraints", "epochs") or value is None:
            continue
        shown = f" ({format_count(value)})" if name in _COUNTS else ""
        click.echo(f"  {name}: {value}{shown}")
    for name, value in document["constraints"].items():
        click.echo(f"  constraint {name}: {value:.4g} ({'broken' if value > 0 else 'met'})")
    if epochs := list(document.get("epochs", {}).items())[-_EPOCHS_SHOWN:]:
        click.echo("after epoch: " + ", ".join(f"{epoch}: {value:.4f}" for epoch, value in epochs))
    click.echo("choices:")
    for name, value in document["choices"].items():
        click.echo(f"  {name}: {value}")
