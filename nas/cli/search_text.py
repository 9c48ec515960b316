"""How `nas search` tells a person what it found."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import click

from nas.cli.output import print_table
from nas.cost import describe_stage
from nas.runs.records import Run
from nas.searching.loop import Outcome
from nas.searching.problem import Problem
from nas.searching.results import Candidate, SearchResult
from nas.shared.database_url import shown_url
from nas.spec import ArchSpec, StageSpec
from nas.units import format_bytes, format_count, format_duration, how_many

if TYPE_CHECKING:
    from nas.ray_workers import RaySettings


def beforehand(problem: Problem, run: Run, workers: int, ray: RaySettings | None) -> list[str]:
    """What a search whose evaluations take long is going to do and cost, in a few lines."""
    from nas.runs.data_record import read_data_record
    from nas.searching.search_cost import checkpoint_bytes, disk_bytes, evaluation_seconds

    config, lines = problem.config, []
    record = read_data_record(run.folder)
    if record is not None:
        split = record["split"]
        lines.append(
            f"images: {record['name']}, {len(record['classes'])} classes; networks are trained on "
            f"{split['search_train']:,} and judged on {split['search_val']:,} others; test images "
            "are not looked at" + ("; a toy" if record["toy"] else "")
        )
    settings = ", ".join(f"{name} {value}" for name, value in config.evaluator_options)
    lines.append(
        f"to do: {config.trials} networks of {problem.space.name} by evaluator {config.evaluator}"
        f"{f' ({settings})' if settings else ''}, {workers} at a time"
    )
    expected = evaluation_seconds(problem, may_try=False)
    if expected.seconds is None:
        cost = "time: told when the first network is done; `--dry-run` tries a part of one"
    else:
        total = config.trials * expected.seconds / workers
        cost = f"time: about {format_duration(total)} in all ({expected.source})"
    disk = disk_bytes(problem, config.trials)
    if record is not None:
        disk += workers * checkpoint_bytes(problem)
    lines.append(f"{cost}; disk: about {format_bytes(disk)}")
    if config.pruner != "none" and ray is not None:
        lines.append(
            f"--pruner {config.pruner} hears only of trainings that can write in {run.folder}: on "
            "a cluster, put the run on a file system that all machines share"
        )
    return lines


def print_result(problem: Problem, result: SearchResult, run: Run, outcome: Outcome) -> None:
    """The found network beside the reference, the runners-up, and where everything is."""
    config = problem.config
    scored = result.best is not None and result.best.score is not None
    # Of a score no reward is made: it is searched itself, with the target as a bound.
    reward = "the score itself" if scored else problem.reward.name
    click.echo(
        f"space {problem.space.name}, target {format_count(config.target_flops)} FLOPs, "
        f"reward {reward}, sampler {config.sampler}, seed {config.seed}"
    )
    click.echo(_counts(result, outcome))
    source = next((c.source for c in (result.best, result.reference) if c is not None), None)
    if source is not None:
        uncertain = any(c.accuracy_sd is not None for c in result.top)
        note = "; ± is one standard deviation of a new training" if uncertain else ""
        click.echo(f"{'score' if scored else 'accuracy'}: {source}{note}")
    click.echo()
    named = [
        ("found, by all readings" if _differ(result) else "found", result.best),
        ("highest single reading", result.highest if _differ(result) else None),
        ("winner of the paper's reward", result.paper_best),
        (_reference_name(result), result.reference),
    ]
    headers = _SCORE_HEADERS if scored else _HEADERS
    print_table(headers, [_row(name, c) for name, c in named if c is not None])
    if result.best is None:
        click.echo(
            f"no judged network is at or below {format_count(config.target_flops)}; "
            "raise --trials to go on"
        )
        return
    _print_stages(result.best.spec, None if result.reference is None else result.reference.spec)
    click.echo()
    click.echo(f"top {len(result.top)} at or below the target:")
    print_table(headers, [_row(f"trial {c.trial}", c) for c in result.top])
    click.echo()
    storage = run.config.storage
    study = "study.journal" if storage is None else f"the study is in {shown_url(storage)}"
    click.echo(f"run: {run.folder} (best.json, trials.csv, pareto.png, {study})")


_HEADERS = ("network", "accuracy", "FLOPs", "params", "activations", "reward")
_SCORE_HEADERS = tuple("score" if header == "accuracy" else header for header in _HEADERS)


def _counts(result: SearchResult, outcome: Outcome) -> str:
    parts = [how_many(result.evaluations, "evaluation")]
    for count, what in (
        (result.repeats, "repeats answered from the cache"),
        (result.refused, "refused before judging"),
        (result.pruned, "stopped as hopeless"),
        (result.failed, "failed"),
    ):
        if count:
            parts.append(f"{count} {what}")
    return f"{', '.join(parts)}; {outcome.stopped} ({outcome.seconds:.1f} s)"


def _differ(result: SearchResult) -> bool:
    """Whether a model of all readings chose another network than the highest reading."""
    best, highest = result.best, result.highest
    return best is not None and highest is not None and best.trial != highest.trial


def _reference_name(result: SearchResult) -> str:
    return "" if result.reference is None else result.reference.spec.name or "reference"


def _row(name: str, candidate: Candidate) -> list[str]:
    cost = candidate.cost
    return [
        name,
        describe_figure(candidate),
        format_count(cost.flops),
        format_count(cost.params),
        format_count(cost.activations),
        "-" if candidate.reward is None else f"{candidate.reward:.4f}",
    ]


def describe_figure(candidate: Candidate) -> str:
    """An accuracy ("66.71 ± 0.40 %"), a score, or a dash."""
    if candidate.accuracy is not None:
        if candidate.accuracy_sd is None:
            return f"{100 * candidate.accuracy:.2f} %"
        return f"{100 * candidate.accuracy:.2f} ± {100 * candidate.accuracy_sd:.2f} %"
    return "-" if candidate.score is None else f"{candidate.score:.6g}"


def _print_stages(found: ArchSpec, reference: ArchSpec | None) -> None:
    click.echo()
    other = () if reference is None else reference.stages
    rows = [
        [str(index), _stage(mine), *([] if reference is None else [_stage(theirs)])]
        for index, (mine, theirs) in enumerate(zip_longest(found.stages, other))
    ]
    headers = ["stage", "found", *([] if reference is None else [reference.name or "reference"])]
    print_table(headers, rows)


def _stage(stage: StageSpec | None) -> str:
    if stage is None:
        return ""
    return f"{stage.layers} x {describe_stage(stage)} -> {stage.channels}"
