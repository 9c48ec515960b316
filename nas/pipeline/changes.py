"""Whether a run may go on: what was made must still be what the plan asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.errors import RunError
from nas.pipeline.inputs import inputs_of
from nas.pipeline.plan import Plan
from nas.pipeline.record import HARMLESS, Record
from nas.pipeline.step import Step

# What may change of a stage that has not ended: its command goes on with what it has.
_UNFINISHED: Mapping[str, frozenset[str]] = {
    "search": frozenset({"trials", "timeout"}),
    "trust": frozenset({"networks", "epochs", "seeds", "random", "pretrained"}),
    "fit-scaling": frozenset(
        {
            "ratio",
            "tolerance",
            "step",
            "constraint",
            "latency_threads",
            "latency_batch",
            "epochs",
            "seeds",
        }
    ),
}


def check_unchanged(plan: Plan, step: Step, record: Record) -> None:
    """Refuse a stage whose settings, or inputs, are no longer those of what was made.

    Raises: RunError, in one line, with the difference and the way on.
    """
    stage = step.stage
    known = record.stages.get(stage)
    if known is None or stage == "report":  # which shows whatever there is
        return
    made = f"{record.folder}/{known['place']}"
    way = f"--redo {stage} makes it anew and keeps the old one in earlier/"
    changed = difference(known["options"], step.options, _may_change(stage, record))
    if changed is not None and not record.failed(stage):
        raise RunError(
            f"{made} was made with other settings ({changed}); {way}, or use its settings, or "
            "another --out"
        )
    now, then = inputs_of(plan, stage, record.folder), known["inputs"]
    # What is missing now will be made again, and is compared then.
    stale = [name for name in now if then.get(name) != now[name]]
    if stale:
        raise RunError(f"{made} was made from another {stale[0]}; {way}")


def difference(
    recorded: Mapping[str, Any], wanted: Mapping[str, Any], harmless: frozenset[str]
) -> str | None:
    """How options differ: "epochs 5 -> 10, seed none -> 1"; None where nothing counts."""
    changed = [
        f"{name} {_shown(recorded.get(name))} -> {_shown(wanted.get(name))}"
        for name in dict.fromkeys((*recorded, *wanted))
        if name not in harmless and recorded.get(name) != wanted.get(name)
    ]
    return ", ".join(changed) or None


def _may_change(stage: str, record: Record) -> frozenset[str]:
    if record.done(stage):
        return HARMLESS
    return HARMLESS | _UNFINISHED.get(stage, frozenset())


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
