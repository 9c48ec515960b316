"""`nas run --status`: which stages are done, with what, and what is left."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from nas.cli.output import print_json, print_table
from nas.errors import NasError
from nas.pipeline.folder import LOGS, PLAN, read_state
from nas.pipeline.plan import Plan, read_plan
from nas.pipeline.record import Record
from nas.runs.state import working_process
from nas.units import format_count, format_duration


def show_status(folder: Path, as_json: bool) -> None:
    """Print where a run stands. Raises: NasError if there is none."""
    document = status_document(folder)
    if as_json:
        print_json(document)
        return
    click.echo(f"run {folder}: {document['state']}\n")
    print_table(
        ("stage", "state", "time", "result"),
        [
            (
                row["stage"],
                row["state"],
                format_duration(row["seconds"]) if row["seconds"] else "-",
                row["result"] or "",
            )
            for row in document["stages"]
        ],
    )
    left = [row["stage"] for row in document["stages"] if row["state"] != "done"]
    if left:
        click.echo(f"\nleft: {', '.join(left)}; `nas run {folder}` goes on")
    else:
        click.echo(f"\neverything is in {folder}; the stages' output is in {folder / LOGS}")


def status_document(folder: Path) -> dict[str, Any]:
    """What `--json` prints. Raises: NasError if the folder is no run."""
    read_state(folder)
    record, plan = Record(folder), read_plan(folder / PLAN)
    process = working_process(folder)
    rows = [_row(record, plan, stage, process is not None) for stage in plan.stages]
    if all(row["state"] == "done" for row in rows):
        state = "done"
    else:
        state = "not finished" if process is None else f"at work, process {process}"
    return {"folder": str(folder), "state": state, "stages": rows}


def _row(record: Record, plan: Plan, stage: str, held: bool) -> dict[str, Any]:
    known = record.stages.get(stage, {})
    place = record.folder / str(known.get("place", ""))
    return {
        "stage": stage,
        "state": _state(record, stage, held),
        "seconds": known.get("seconds"),
        "attempts": known.get("attempts", 0),
        "place": known.get("place"),
        "commands": known.get("commands", []),
        "result": _result(stage, place) if record.done(stage) else None,
    }


def _state(record: Record, stage: str, held: bool) -> str:
    known = record.stages.get(stage)
    if known is None:
        return "to do"
    if record.done(stage):
        return "done"
    code = known["exit_code"]
    if code is None:
        return "at work" if held else "killed"
    if code == 0:
        return "result missing"
    return "failed" if record.failed(stage) else "interrupted"


def _result(stage: str, place: Path) -> str:
    """A stage's result in a few words; its place where it cannot be read."""
    read = _RESULTS.get(stage)
    try:
        return str(place) if read is None else read(place)
    except (OSError, ValueError, KeyError, TypeError, IndexError, NasError):
        return str(place)


def _search(place: Path) -> str:
    best = _json(place / "best.json")["best"]
    figure = best.get("accuracy")
    merit = f"{100 * figure:.2f} %" if figure is not None else f"score {best['score']:.6g}"
    return f"{merit}, {_source(best)}, {format_count(best['cost']['flops'])} FLOPs"


def _source(best: Mapping[str, Any]) -> str:
    """Measured or predicted, by the first word of what the accuracy is."""
    return str(best.get("source") or "judged").partition(" ")[0]


def _trained(place: Path) -> str:
    result = _json(place / "result.json")
    cost = f"{format_count(result['cost']['flops'])} FLOPs"
    accuracy = result["accuracy"]
    if accuracy is None:
        return f"trained, {cost}"
    spread = 100 * accuracy["top1_standard_error"]
    return f"top-1 {100 * accuracy['top1']:.2f} ± {spread:.2f} %, {cost}, {accuracy['measured_on']}"


def _fit(place: Path) -> str:
    found = _json(place / "coefficients.json")
    return ", ".join(f"{name} {found[name]:.4g}" for name in ("alpha", "beta", "gamma"))


def _family(place: Path) -> str:
    with (place / "family.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    first, last = rows[0], rows[-1]
    return (
        f"{first['member']} .. {last['member']}, {format_count(int(first['flops']))} to "
        f"{format_count(int(last['flops']))} FLOPs"
    )


def _exports(place: Path) -> str:
    return ", ".join(sorted(entry.name for entry in place.iterdir() if entry.is_dir()))


def _trust(place: Path) -> str:
    tau = _json(place / "trust.json")["kendall_tau"]
    return "report in trust.txt" if tau is None else f"Kendall tau {tau:.2f}, report in trust.txt"


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


_RESULTS: Mapping[str, Callable[[Path], str]] = {
    "search": _search,
    "trust": _trust,
    "retrain": _trained,
    "fit-scaling": _fit,
    "family": _family,
    "train": _trained,
    "export": _exports,
}
