"""A comparison of transfers as rows, Markdown and CSV, in the shape of the paper's Table 5."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence
from typing import Any

from nas.training.transfer import COMPARED, OURS, SCRATCH, Contestant
from nas.units import format_count

Results = dict[tuple[str, str], list[dict[str, Any]]]
"""(data set, contestant) -> the result of each seed."""


def transfer_rows(
    data: Sequence[str], contestants: Sequence[Contestant], results: Results
) -> list[dict[str, Any]]:
    """One row for each data set and model that has been measured.

    top1, top5: means over the seeds; top1_sd: their standard deviation, None for one seed;
    top1_standard_error: by the number of test images. params_ratio, flops_ratio: this model's over
    our network's, so that above 1 it is larger; difference: ours minus its, in top-1.
    """
    rows = []
    for name in data:
        ours = _row(name, contestants[0], results)
        for contestant in contestants:
            row = _row(name, contestant, results)
            if row is None:
                continue
            if ours is not None and contestant.kind != OURS:
                row["params_ratio"] = row["params"] / ours["params"]
                row["flops_ratio"] = row["flops"] / ours["flops"]
                row["difference"] = ours["top1"] - row["top1"]
            rows.append(row)
    return rows


def geometric_means(
    rows: Sequence[dict[str, Any]], contestants: Sequence[Contestant]
) -> dict[str, dict[str, float]]:
    """Of each compared model's ratios over the data sets, as the paper's last row."""
    means = {}
    for contestant in contestants:
        own = [r for r in rows if r["model"] == contestant.label and "params_ratio" in r]
        if contestant.kind == COMPARED and own:
            means[contestant.label] = {
                key: math.exp(statistics.fmean(math.log(row[key]) for row in own))
                for key in ("params_ratio", "flops_ratio")
            }
    return means


def markdown(document: dict[str, Any]) -> str:
    """The comparison as Markdown: one table for each model that ours is compared with."""
    rows, protocol = document["rows"], document["protocol"]
    recipe, scratch = protocol["recipe"], protocol["scratch_recipe"]
    seeds = len(protocol["seeds"])
    lines = [
        f"# Transfer of {document['ours']}",
        "",
        f"Weights: {document['weights']} ({document['weights_digest']}). Every model is fine-tuned "
        f"alike: recipe {recipe['name']}, {_epochs(recipe)}, batch {recipe['batch_size']}, "
        f"{recipe['optimizer']} at {recipe['learning_rate']:g}, layer decay "
        f"{protocol['layer_decay']:g}, {protocol['resolution']} px, {seeds} "
        f"seed{'s' if seeds > 1 else ''}. FLOPs are multiply-adds of convolution and linear "
        "layers. Ratios are the other model's figure over ours; ± is "
        + ("the standard deviation over seeds." if seeds > 1 else "by the number of test images."),
    ]
    if any(row["toy"] for row in rows):
        lines += ["", "The sample is a toy: its rows say nothing about real images."]
    ours = {row["data"]: row for row in rows if row["kind"] == OURS}
    others = dict.fromkeys(row["model"] for row in rows if row["kind"] != OURS)
    if not others:
        lines += ["", "| data set | top-1 % | params | FLOPs |", "|---|---|---|---|"]
        lines += [_line(row["data"], _accuracy(row), *_costs(row)) for row in ours.values()]
    for model in others:
        theirs = [row for row in rows if row["model"] == model and row["data"] in ours]
        title = f"Against {model}"
        if theirs and theirs[0]["kind"] == SCRATCH:
            title = (
                "Against the same network from scratch "
                f"(recipe {scratch['name']}, {_epochs(scratch)})"
            )
        lines += ["", f"## {title}", "", *_HEAD]
        lines += [_beside(row, ours[row["data"]]) for row in theirs]
        mean = document["geometric_means"].get(model)
        if mean is not None:
            ratios = (f"({mean[key]:.2f}x)" for key in ("params_ratio", "flops_ratio"))
            lines.append(_line("geometric mean", "", "", "", "", *ratios, ""))
    return "\n".join(lines) + "\n"


_HEAD = (
    "| data set | its top-1 % | params | FLOPs | our top-1 % | params (ratio) | FLOPs (ratio) | "
    "ours - its |",
    "|---|---|---|---|---|---|---|---|",
)


def _beside(row: dict[str, Any], mine: dict[str, Any]) -> str:
    """A line of the table: a model's figures, ours, and the ratios."""
    params, flops = _costs(mine)
    return _line(
        row["data"],
        _accuracy(row),
        *_costs(row),
        _accuracy(mine),
        f"{params} ({row['params_ratio']:.2f}x)",
        f"{flops} ({row['flops_ratio']:.2f}x)",
        f"{100 * row['difference']:+.2f}",
    )


def _line(*cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def _epochs(recipe: dict[str, Any]) -> str:
    return f"{recipe['epochs']} epoch{'s' if recipe['epochs'] > 1 else ''}"


CSV_COLUMNS = (
    "data",
    "model",
    "kind",
    "top1",
    "top1_sd",
    "top1_standard_error",
    "top5",
    "test_images",
    "seeds",
    "params",
    "flops",
    "activations",
    "params_ratio",
    "flops_ratio",
    "difference",
    "seconds",
    "toy",
)


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as CSV with a header; what a row does not have is empty."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _row(data: str, contestant: Contestant, results: Results) -> dict[str, Any] | None:
    found = results.get((data, contestant.label))
    if not found:
        return None
    accuracies = [result["accuracy"] for result in found]
    top1 = [accuracy["top1"] for accuracy in accuracies]
    cost = found[0]["cost"]
    return {
        "data": data,
        "model": contestant.label,
        "kind": contestant.kind,
        "top1": statistics.fmean(top1),
        "top1_sd": statistics.stdev(top1) if len(top1) > 1 else None,
        "top1_standard_error": accuracies[0]["top1_standard_error"],
        "top5": statistics.fmean(accuracy["top5"] for accuracy in accuracies),
        "test_images": accuracies[0]["images"],
        "seeds": len(found),
        "params": cost["params"],
        "flops": cost["flops"],
        "activations": cost["activations"],
        "seconds": round(sum(result["seconds"] for result in found), 3),
        "toy": found[0]["toy"],
        "resolution": found[0]["resolution"],
    }


def _accuracy(row: dict[str, Any]) -> str:
    spread = row["top1_standard_error"] if row["top1_sd"] is None else row["top1_sd"]
    return f"{100 * row['top1']:.2f} ± {100 * spread:.2f}"


def _costs(row: dict[str, Any]) -> tuple[str, str]:
    return format_count(row["params"]), format_count(row["flops"])
