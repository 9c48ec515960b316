"""The page of `benchmarks.scaling_evidence`: accuracies, paired differences, and what they say."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

from benchmarks.training.pieces import machine
from nas.files import write_text_atomic
from nas.runs.records import versions
from nas.units import format_count

LEVEL = 0.9
GOAL_SD = 0.003
GOAL_LOSS = -0.005
COMPOUND = ("fitted", "published", "fast")
SINGLE = ("width", "depth", "resolution")

Readings = dict[str, dict[int, float]]
"""Rule -> seed -> top-1 on the test images."""


def write(out: Path, results: Path) -> None:
    """Write NAME.md and NAME.json."""
    plan = json.loads((out / "plan.json").read_text())
    groups = json.loads((out / "networks.json").read_text())
    finals = out / "finals.jsonl"
    rows = [json.loads(line) for line in finals.read_text().splitlines()] if finals.exists() else []
    top1: dict[str, dict[int, float]] = {}
    for row in rows:
        top1.setdefault(row["network"], {})[row["seed"]] = row["top1"]
    data, cpu = Path(plan["data"]).name, plan["device"] == "cpu"
    ran_on = machine(cpu, "small form")
    lines = [
        f"# Scaling on {data}{', the small form' if cpu else ''}",
        "",
        f"`python -m benchmarks.scaling_evidence`: the fit at {plan['fit_epochs']} epochs, halving "
        f"to {plan['fit_seeds']} seeds; then each network {plan['final_epochs']} epochs from "
        f"scratch on all training images, {plan['seeds']} seeds, recipe `short`, measured once on "
        f"the test images. Networks of a table are within 5 % of equal realised FLOPs. Machine: "
        f"{ran_on}.",
        "",
        "## The fit",
        "",
        _shown((out / "fit" / "summary.md").read_text()),
    ]
    compared = {}
    for name, content in groups.items():
        of_rule = {
            rule: {s: v for s, v in top1.get(network["digest"], {}).items() if s < plan["seeds"]}
            for rule, network in content["networks"].items()
        }
        done = {rule: values for rule, values in of_rule.items() if values}
        compared[name] = {"differences": differences(done), "means": means(done)}
        lines += _table(name, content, done)
    lines += ["", "## What it says", "", *_words(compared, plan["seeds"])]
    if cpu:
        lines += [
            "",
            "**This small form is no evidence about scaling.** So few images, epochs and seeds "
            "show that every part works; what holds of the paper needs the GPU form.",
        ]
    write_text_atomic(results.with_suffix(".md"), "\n".join(lines) + "\n")
    coefficients = json.loads((out / "fit" / "coefficients.json").read_text())
    document = {
        "plan": {**plan, "data": data},
        "machine": ran_on,
        "versions": versions(),
        "coefficients": {**coefficients, "found_by": "nas fit-scaling", "data": data},
        "groups": groups,
        "finals": rows,
        "compared": compared,
    }
    write_text_atomic(results.with_suffix(".json"), json.dumps(document, indent=1) + "\n")
    print("\n".join(lines))


def means(done: Readings) -> dict[str, Any]:
    """Mean, the standard deviation of that mean, and seeds of each rule."""
    return {
        rule: {
            "mean": statistics.fmean(values.values()),
            "sd_of_mean": (
                statistics.stdev(values.values()) / math.sqrt(len(values))
                if len(values) > 1
                else None
            ),
            "seeds": len(values),
        }
        for rule, values in done.items()
    }


def differences(done: Readings) -> dict[str, Any]:
    """First rule minus each other, paired by seed, with Student's interval of 90 %."""
    from scipy.stats import t

    found: dict[str, Any] = {}
    if not done:
        return found
    first = next(iter(done))
    for rule in done:
        pairs = [done[first][seed] - done[rule][seed] for seed in done[first] if seed in done[rule]]
        if rule == first or not pairs:
            continue
        mean, half = statistics.fmean(pairs), None
        if len(pairs) > 1:
            factor = float(t.ppf(0.5 + LEVEL / 2, len(pairs) - 1))
            half = factor * statistics.stdev(pairs) / math.sqrt(len(pairs))
        found[rule] = {"minuend": first, "difference": mean, "half_interval": half}
    return found


def _table(name: str, content: dict[str, Any], done: Readings) -> list[str]:
    lines = [
        "",
        f"## {name}: {content['ratio']:.2f} times the FLOPs",
        "",
        "| rule | FLOPs | params | px | test top-1, mean | sd of the mean | seeds "
        "| first rule minus this, 90 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    apart, known = differences(done), means(done)
    same: dict[str, str] = {}
    for rule, network in content["networks"].items():
        figures = known.get(rule, {"mean": None, "sd_of_mean": None, "seeds": 0})
        twin = same.setdefault(network["digest"], rule)
        shown = rule if twin == rule else f"{rule} (the network of {twin})"
        lines.append(
            f"| {shown} | {format_count(network['flops'])} | {format_count(network['params'])} "
            f"| {network['arch']['resolution']} | {_percent(figures['mean'])} "
            f"| {_points(figures['sd_of_mean'])} | {figures['seeds']} "
            f"| {_interval(apart.get(rule))} |"
        )
    lines += [f"\nLeft out: {rule}, because {why}." for rule, why in content["left_out"].items()]
    return lines


def _words(compared: dict[str, Any], seeds: int) -> list[str]:
    lines = []
    for name, found in compared.items():
        known = found["means"]
        missing = [rule for rule, figures in known.items() if figures["seeds"] < seeds]
        if not known or missing:
            lines.append(f"- {name}: not finished.")
            continue
        compound = max((r for r in COMPOUND if r in known), key=lambda r: known[r]["mean"])
        single = max((r for r in SINGLE if r in known), key=lambda r: known[r]["mean"])
        gap = 100 * (known[compound]["mean"] - known[single]["mean"])
        lines.append(
            f"- {name}: the best of several dimensions ({compound}) stands {gap:+.2f} points to "
            f"the best single one ({single})."
        )
        rough = [r for r, f in known.items() if f["sd_of_mean"] and f["sd_of_mean"] > GOAL_SD]
        if rough:
            lines.append(f"  Means of {', '.join(rough)} are known worse than to 0.3 points.")
        apart = found["differences"]
        if next(iter(known)) == "fitted" and apart:
            rival = min(apart, key=lambda rule: apart[rule]["difference"])
            gap, half = apart[rival]["difference"], apart[rival]["half_interval"]
            if half is not None:
                met = "met" if gap - half >= GOAL_LOSS else "not met"
                lines.append(
                    f"  Fitted minus the best of the others ({rival}): {_interval(apart[rival])}; "
                    f"the goal (lower bound at least {100 * GOAL_LOSS:g} points) is {met}."
                )
    return lines


def _shown(summary: str) -> str:
    """Without the title and the command, which names folders of the machine."""
    lines = summary.splitlines()[1:]
    return "\n".join(line for line in lines if not line.startswith("`nas")).strip()


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _interval(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    mean, half = 100 * found["difference"], found["half_interval"]
    if half is None:
        return f"{mean:+.2f}"
    return f"{mean:+.2f} ({mean - 100 * half:+.2f} to {mean + 100 * half:+.2f})"
