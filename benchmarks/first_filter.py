"""What `nas search --filter zero-cost:KEEP` lets through, judged by really trained networks.

    python -m benchmarks.first_filter --data DIR [--networks 200] [--out FILE]

Draws networks of Accel-NASBench's table between 350M and 450M multiply-adds, and says of the part
that the filter keeps: its mean accuracy, how much of the best tenth is in it, and whether the best
network is. About two minutes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from nas.cost import network_cost
from nas.network_list import network_of
from nas.search_spaces.mbconv import MBConvSpace
from nas.searching.first_filter import FilterSettings, FirstFilter
from nas.spec import ArchSpec

LOWEST, HIGHEST = 350_000_000, 450_000_000
KEEPS = (0.75, 0.5, 0.25)
SEEDS = range(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    networks, accuracies = trained_networks(given.data, given.networks)
    scores: dict[str, float] = {}
    document = {
        "command": f"python -m benchmarks.first_filter --data DIR --networks {given.networks}",
        "networks": len(networks),
        "mean_top1": round(float(accuracies.mean()), 3),
        "kept": [
            judged(networks, accuracies, keep, seed, scores) for keep in KEEPS for seed in SEEDS
        ],
    }
    print(json.dumps(document, indent=1))
    if given.out is not None:
        given.out.write_text(json.dumps(document, indent=1) + "\n")


def trained_networks(data: Path, count: int) -> tuple[list[ArchSpec], Any]:
    """Networks of the table and their top-1 accuracies in percent."""
    space = MBConvSpace()
    with gzip.open(data / "accel_nasbench.csv.gz", "rt") as lines:
        rows = [(network_of(row, space), float(row["top1"])) for row in csv.DictReader(lines)]
    near = [row for row in rows if within(row[0])]
    drawn = random.Random(0).sample(near, min(count, len(near)))
    return [arch for arch, _ in drawn], np.array([top1 for _, top1 in drawn])


def within(arch: ArchSpec) -> bool:
    return LOWEST <= network_cost(arch).flops <= HIGHEST


def judged(
    networks: list[ArchSpec], accuracies: Any, keep: float, seed: int, scores: dict[str, float]
) -> dict[str, Any]:
    """What the filter of one seed keeps of the networks."""
    first_filter = FirstFilter(
        FilterSettings("zero-cost", keep), MBConvSpace(), within, seed, scores
    )
    kept = np.array([first_filter.shortfall(arch) <= 0 for arch in networks])
    best = accuracies >= np.quantile(accuracies, 0.9)
    return {
        "keep": keep,
        "seed": seed,
        "part_kept": round(float(kept.mean()), 3),
        "mean_top1_of_kept": round(float(accuracies[kept].mean()), 3),
        "best_tenth_kept": round(float(kept[best].mean()), 3),
        "best_kept": bool(kept[int(accuracies.argmax())]),
    }


if __name__ == "__main__":
    main()
