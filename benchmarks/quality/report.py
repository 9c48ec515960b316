"""Tables and regret curves from the files of runs."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
COMMAND = "python -m benchmarks.search_quality run|extras --data DIR; ... report"

FIGURES = " seeds | to B0 | to optimum | regret @25 | @50 | @100 | @200 |"
"""Head of the columns that `line` fills."""


def write_report(runs: Path, extras: Path, fresh: tuple[Path, Path], out: Path) -> None:
    """`search_quality.md` and one figure per problem, into `out`.

    `fresh` are runs and extras of seeds on which nothing of our sampler was chosen.
    """
    groups: dict[tuple[str, float], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in read_lines(runs):
        groups[row["problem"], row["noise"]][row["sampler"]].append(row)
    text = [
        "# Search quality",
        "",
        f"Written by `{COMMAND}`.",
        "",
        "Regret: the truth's optimum minus the true reward of the network that would be reported,",
        "mean over seeds, in points. *to B0* and *to optimum*: evaluations until a network at",
        "least as good as EfficientNet-B0 was evaluated, or one within 0.1 of the optimum; median",
        "(90 % quantile; worst), ∞ = not within the budget. Truths are models fitted to really",
        "trained networks (`benchmarks/quality/truths.py`); no reference network is given as a",
        "start. `synthetic`, `mnasnet` and `resnet` problems are made-up truths (the last number",
        "is the world drawn) and have no B0: one point below the optimum stands for it. What the",
        "open figures come from and what did not help: [tried](search_quality_tried.md).",
        "",
    ]
    for (problem, noise), samplers in groups.items():
        text += table(problem, noise, samplers)
        figure(problem, noise, samplers, out)
    if extras.is_file():
        text += extra_tables(read_lines(extras))
    if all(file.is_file() for file in fresh):
        text += fresh_tables(*(read_lines(file) for file in fresh))
    out.mkdir(parents=True, exist_ok=True)
    (out / "search_quality.md").write_text("\n".join(text) + "\n", encoding="utf-8")


def read_lines(file: Path) -> list[Row]:
    """One JSON object per line."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]


def table(problem: str, noise: float, samplers: dict[str, list[Row]]) -> list[str]:
    """A Markdown table of one problem, the best sampler first."""
    title = f"## {problem}" + (f", label noise {noise:g} points" if noise else "")
    ranked = sorted(samplers.items(), key=lambda item: mean_regret(item[1], 100))
    lines = [title, "", f"| sampler |{FIGURES}", "|---|---|---|---|---|---|---|---|"]
    return [*lines, *(line(name, rows) for name, rows in ranked), ""]


def fresh_tables(runs: Sequence[Row], extras: Sequence[Row]) -> list[str]:
    """Ours on other seeds, with standard errors after 100 evaluations."""
    problems: dict[str, list[Row]] = defaultdict(list)
    for row in runs:
        problems[row["problem"]].append(row)
    first, last = min(row["seed"] for row in runs), max(row["seed"] for row in runs)
    lines = [
        "## Ours on seeds that nothing was chosen on",
        "",
        f"Seeds {first}-{last}, first used when all else was fixed.",
        "",
        f"| problem |{FIGURES} standard error @100 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for problem, rows in problems.items():
        after = [row["regret"]["100"] for row in rows]
        error = float(np.std(after, ddof=1)) / math.sqrt(len(after))
        lines.append(f"{line(problem, rows)} {error:.3f} |")
    return [*lines, "", *pool_lines([row["found"] for row in extras])]


def line(name: str, rows: Sequence[Row]) -> str:
    """One row of a table under `FIGURES`."""
    cells = [name, str(len(rows)), counts(rows, "to_b0"), counts(rows, "to_optimum")]
    cells += [shown(mean_regret(rows, n)) for n in (25, 50, 100, 200)]
    return "| " + " | ".join(cells) + " |"


def mean_regret(rows: Sequence[Row], count: int) -> float:
    """Mean over the seeds that ran so long; NaN where none did."""
    found = [row["regret"][str(count)] for row in rows if str(count) in row["regret"]]
    return float(np.mean(found)) if found else math.nan


def shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def counts(rows: Sequence[Row], key: str) -> str:
    """Median (90 % quantile; worst) of evaluations; a seed that never got there is ∞."""
    values = sorted(math.inf if row[key] is None else float(row[key]) for row in rows)
    picked = [
        values[len(values) // 2],
        values[min(math.ceil(0.9 * len(values)) - 1, len(values) - 1)],
        values[-1],
    ]
    median, high, worst = ("∞" if math.isinf(value) else f"{value:.0f}" for value in picked)
    return f"{median} ({high}; {worst})"


def figure(problem: str, noise: float, samplers: dict[str, list[Row]], out: Path) -> None:
    """Median distance of the best evaluated network to the optimum, with the 10-90 % band."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, rows in samplers.items():
        length = min(len(row["best"]) for row in rows)
        optimum = rows[0]["optimum"]
        # `best` is noted at every fifth evaluation.
        curves = np.array([[optimum - best for best in row["best"][:length]] for row in rows])
        low, middle, high = np.quantile(np.maximum(curves, 1e-3), [0.1, 0.5, 0.9], axis=0)
        count = 1 + 5 * np.arange(length)
        (line,) = axes.plot(count, middle, label=name, linewidth=2 if "ours" in name else 1)
        axes.fill_between(count, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set(yscale="log", xlabel="evaluations", ylabel="points below the optimum")
    axes.set_title(f"{problem}, noise {noise:g}: median and 10-90 % band", fontsize=10)
    axes.legend(fontsize=7, ncols=2)
    out.mkdir(parents=True, exist_ok=True)
    suffix = f"-noise{noise:g}" if noise else ""
    drawing.savefig(out / f"search_quality_{problem}{suffix}.png", dpi=110)
    pyplot.close(drawing)


def pool_lines(pools: Sequence[Row]) -> list[str]:
    """What was met among the really trained networks."""
    best = [math.inf if p["to_best"] is None else p["to_best"] for p in pools]
    top = [p["top10"] for p in pools]
    return [
        f"The best real network by the hard reward at 400M is met within 50 queries in "
        f"{sum(query <= 50 for query in best)} of {len(best)} seeds (median {np.median(best):g}, "
        f"worst {max(best):g}); of the ten best, {np.mean(top):.1f} (worst {min(top)}) within 100.",
        "",
    ]


def extra_tables(rows: Sequence[Row]) -> list[str]:
    """The pool, the Pareto fronts and the times."""
    pools = [row["found"] for row in rows if row["what"].startswith("pool")]
    lines = []
    if pools:
        lines += ["## Really trained networks only, no surrogate", "", *pool_lines(pools)]
    fronts: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for row in rows:
        if row["what"].startswith("pareto"):
            _, second, name, _ = row["what"].split()
            fronts[second, name].append(row["found"]["hypervolume"])
    if fronts:
        lines += ["## Pareto: hypervolume of accuracy and a second objective", ""]
        lines += ["| second | sampler | seeds | @50 | @100 | @200 |", "|---|---|---|---|---|---|"]
        for (second, name), found in sorted(fronts.items()):
            cells = [
                shown(float(np.mean([f[n] for f in found])) if n in found[0] else math.nan)
                for n in ("50", "100", "200")
            ]
            lines.append(f"| {second} | {name} | {len(found)} | " + " | ".join(cells) + " |")
        lines.append("")
    times = [row for row in rows if row["what"].startswith("ms")]
    if times:
        lines += ["## CPU milliseconds of a suggestion, same process, one thread", ""]
        lines += ["| sampler | evaluations known | ms |", "|---|---|---|"]
        for row in times:
            _, name, known = row["what"].split()
            lines.append(f"| {name} | {known} | {row['found']:.1f} |")
        lines.append("")
    return lines
