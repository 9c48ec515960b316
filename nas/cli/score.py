"""`nas score`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from nas.cli.options import json_option, size_options

_RESULTS = ("accuracy", "accuracy_sd", "score", "source", "flops", "params", "activations", "error")


@click.command("score")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--evaluator", default="imagenet", show_default=True, help="How to judge them.")
@click.option("--space", default="mbconv", show_default=True, help="Whose parameters columns are.")
@click.option("--out", type=click.Path(path_type=Path), help="Output [FILE with .scored added].")
@click.option("--seed", type=int, default=0, show_default=True)
@size_options
@json_option
def command(
    file: Path,
    evaluator: str,
    space: str,
    out: Path | None,
    seed: int,
    resolution: int | None,
    classes: int | None,
    in_channels: int | None,
    as_json: bool,
) -> None:
    """Judge the networks of FILE (.csv or .jsonl) and write the result beside each.

    A row holds a network as `spec` (its JSON), as `arch` (a reference name or file), or as one
    column for each parameter of the space (stage0.expand, ...; for mbconv also Accel-NASBench's
    e0, k0, l0, se0). A network that cannot be judged gets an `error`; the others are judged.

    \b
    --json: file, out, networks, judged, failed, evaluator, source, seconds.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.archs import resized
    from nas.cli.output import print_json
    from nas.cost import network_cost
    from nas.errors import EvaluationError, NasError
    from nas.evaluators.base import Accuracy, EvaluationContext, judge
    from nas.files import write_text_atomic
    from nas.network_list import network_of, read_rows, write_rows
    from nas.plugins import load_evaluator, load_space
    from nas.space import at_resolution

    rows = read_rows(file)
    networks = at_resolution(load_space(space), resolution)
    evaluates = load_evaluator(evaluator)()
    evaluates.prepare(EvaluationContext(None, seed))
    started = time.monotonic()
    failed, sources = 0, set()
    for row in rows:
        result: dict[str, Any] = dict.fromkeys(_RESULTS, "")
        try:
            arch = resized(
                network_of(row, networks),
                resolution=resolution,
                classes=classes,
                in_channels=in_channels,
            )
            cost = network_cost(arch)
            result.update(flops=cost.flops, params=cost.params, activations=cost.activations)
            judgement = judge(evaluates, arch, seed)
            if isinstance(judgement, str):
                raise EvaluationError(judgement)
            result["source"] = judgement.source
            sources.add(judgement.source)
            if isinstance(judgement, Accuracy):
                result["accuracy"] = judgement.value
                result["accuracy_sd"] = "" if judgement.sd is None else judgement.sd
            else:
                result["score"] = judgement.value
        except NasError as error:
            result["error"] = str(error)
            failed += 1
        # A column that the file already has keeps its content; ours then gets another name.
        row.update({name if name not in row else f"scored_{name}": v for name, v in result.items()})
    if failed == len(rows):
        column = next(name for name in reversed(rows[0]) if name.endswith("error"))
        raise EvaluationError(f"none of the {failed} networks of {file}: {rows[0][column]}")
    target = out or file.with_name(f"{file.stem}.scored{file.suffix}")
    write_text_atomic(target, write_rows(target, rows))
    summary = {
        "file": str(file),
        "out": str(target),
        "networks": len(rows),
        "judged": len(rows) - failed,
        "failed": failed,
        "evaluator": evaluates.name,
        "source": "; ".join(sorted(sources)),
        "seconds": round(time.monotonic() - started, 3),
    }
    if as_json:
        print_json(summary)
        return
    click.echo(f"judged {summary['judged']} of {len(rows)} networks: {summary['source']}")
    if failed:
        click.echo(f"{failed} could not be judged; column `error` says why")
    click.echo(f"written: {target}")
