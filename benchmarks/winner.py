"""What the best network of the table's truths looks like beside B0, and whether its gain is real.

    python -m benchmarks.winner --data DIR [--halves 3] [--out docs/results/winner.json]

Finds the optimum of the hard reward at 400M on a truth fitted to really trained networks, takes its
differences from B0 back one at a time on two truths, judges optima of one half of the table by a
truth fitted to the other half, and lists the nearest really trained networks. About ten minutes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.problems import CostTable, hard, optimum
from benchmarks.quality.truths import (
    B0,
    COLUMNS,
    NAMES,
    Answers,
    Trees,
    Truth,
    as_params,
    fit_truth,
    load_table,
)
from nas.cost import network_cost
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import rebuild

TARGET = 400e6


def cost_of(params: Any) -> dict[str, float]:
    found = network_cost(rebuild(MBConvSpace(), params))
    return {"flops": float(found.flops), "params": float(found.params)}


def label(truth: Truth, answers: list[int]) -> float:
    return round(float(truth(np.array([answers]))[0]), 3)


def one_at_a_time(winner: list[int], truths: dict[str, Truth]) -> list[dict[str, Any]]:
    """For each difference: what taking it back costs the winner, and what it alone gives B0."""
    rows = []
    for column, name in enumerate(NAMES):
        if winner[column] == B0[column]:
            continue
        back, alone = list(winner), list(B0)
        back[column], alone[column] = B0[column], winner[column]
        change = cost_of(as_params(back))["flops"] - cost_of(as_params(winner))["flops"]
        row: dict[str, Any] = {
            "choice": name,
            "b0": B0[column],
            "winner": winner[column],
            "flops_when_taken_back_M": round(change / 1e6, 1),
        }
        for which, truth in truths.items():
            row[f"{which}_loss_when_taken_back"] = round(
                label(truth, winner) - label(truth, back), 3
            )
            row[f"{which}_gain_on_b0_alone"] = round(label(truth, alone) - label(truth, B0), 3)
        rows.append(row)
    return rows


def gain_on_the_other_half(answers: Answers, top1: Any, halves: int) -> list[dict[str, float]]:
    """Optimise on one half of the table, judge the gain over B0 on a truth of the other half."""
    costs = CostTable(cost_of)
    rows = []
    for seed in range(halves):
        order = np.random.default_rng(seed).permutation(len(answers))
        parts = np.array_split(order, 2)
        truths = [Trees(answers[part], top1[part]) for part in parts]
        for own, other in ((0, 1), (1, 0)):
            _, winner = optimum(truths[own], hard(TARGET), costs, starts=3)
            rows.append(
                {
                    "gain_by_own_half": round(
                        label(truths[own], winner) - label(truths[own], B0), 3
                    ),
                    "gain_by_other_half": round(
                        label(truths[other], winner) - label(truths[other], B0), 3
                    ),
                }
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("build/search-quality"))
    parser.add_argument("--halves", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/results/winner.json"))
    options = parser.parse_args()
    truths = {name: fit_truth(name, options.data, options.cache) for name in ("trees", "quadratic")}
    _, winner = optimum(truths["trees"], hard(TARGET), CostTable(cost_of))
    table = load_table(options.data)
    answers = table[COLUMNS].to_numpy(dtype=np.int64)
    top1 = table["top1"].to_numpy(dtype=float)
    distance = (answers != np.array(winner)).sum(axis=1)
    nearest = np.lexsort((-top1, distance))[:8]
    document = {
        "command": f"python -m benchmarks.winner --data DIR --halves {options.halves}",
        "winner": {
            **as_params(winner),
            **cost_of(as_params(winner)),
            "differs_from_b0_in": int((np.array(winner) != np.array(B0)).sum()),
        },
        "accuracy": {
            which: {"winner": label(truth, winner), "b0": label(truth, B0)}
            for which, truth in truths.items()
        },
        "one_at_a_time": one_at_a_time(winner, truths),
        "halves": gain_on_the_other_half(answers, top1, options.halves),
        "nearest_trained": [
            {
                "differs_in": int(distance[row]),
                "measured_top1": round(float(top1[row]), 2),
                "trees": label(truths["trees"], [int(a) for a in answers[row]]),
                "flops_M": round(float(table["macs_conv_linear_M"].iloc[row]), 1),
            }
            for row in nearest
        ],
        "b0_nearest_trained_differs_in": int((answers != np.array(B0)).sum(axis=1).min()),
    }
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(document["accuracy"], indent=2))


if __name__ == "__main__":
    main()
