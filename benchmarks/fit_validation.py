"""Does a scaling fit keep its word? Fits of simulated truths whose optimum is known.

    python -m benchmarks.fit_validation run --out docs/results/fit_validation.json
    python -m benchmarks.fit_validation report --out docs/results/fit_validation.json

Each fit is of the networks that `nas fit-scaling` would train (the feasible grid of a baseline), by
its own halving and its own surface; only the trainings are simulated: the truth, a deviation of
each network, and a seed's luck of 0.36 points (measured: B0 on small image sets). Told are how
often the 90 % region holds the true optimum, how often the networks that "may be the best" include
the best, and what accuracy the choice loses at equal cost, beside two plain rules of as many
trainings: the highest mean when every network gets as many seeds, and the highest mean among those
that halving by means leaves. `run` goes on where it was; `report` writes the page beside the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling_truths import KINDS, UNSEEN
from benchmarks.training.record import Record
from nas.archs import find_network
from nas.files import write_text_atomic
from nas.fitting.halving import Key, Ranking, by_mean, next_trainings
from nas.fitting.points import Points, fit_points
from nas.fitting.ranking import surface_ranking
from nas.scaling.family import RESOLUTION_MULTIPLE
from nas.scaling.grid import feasible_grid
from nas.scaling.mixture import Floats
from nas.scaling.optimum import find_optimum, undecided
from nas.scaling.surface import Readings, fit_surface

SEED_SD = 0.0036
SEEDS = 4
FIRST = 1_000_000
"""First of the seeds that truths are drawn with; the model was chosen on others."""
RATIO, STEP = 2.0, 0.05
GRIDS = {
    "efficientnet-b0 at 64 px": ("efficientnet-b0", 64, 0.1),
    "mobilenet-v2 at 64 px": ("mobilenet-v2", 64, 0.1),
    "resnet-18 at 64 px": ("resnet-18", 64, 0.15),
}
FIGURES = {
    "covered": "the region holds the optimum",
    "region": "part of the triangle in the region",
    "told": "`may be the best` has the best",
    "named": "networks in it",
    "lost": "lost by the choice",
    "lost_equal": "by the best of equal seeds",
    "lost_halving": "by the best of halving",
}


def prepared(name: str, resolution: int, tolerance: float) -> Points:
    """The networks that a fit of this baseline has."""
    baseline = dataclasses.replace(find_network(name), resolution=resolution, classes=10)
    grid = feasible_grid(baseline, ratio=RATIO, tolerance=tolerance, step=STEP)
    return fit_points(grid, step=STEP, resolution_multiple=RESOLUTION_MULTIPLE)


def halved(table: Floats, ranking: Ranking) -> dict[Key, float | None]:
    """The accuracies that a fit reads of a table (networks, seeds)."""
    answers: dict[Key, float | None] = {}
    while wanted := next_trainings(len(table), SEEDS, answers, ranking):
        answers |= {key: float(table[key]) for key in wanted}
    return answers


def one_fit(points: Points, kind: str, number: int) -> dict[str, float]:
    """Draw a truth, fit it, judge the fit."""
    rng = np.random.default_rng([FIRST + number, sorted(KINDS).index(kind)])
    truth = KINDS[kind](rng)
    count = len(points.networks)
    own = rng.normal(0, truth.network_sd, count)
    at_cost = truth.accuracy(points.shares * math.log(RATIO)) + own
    growth = points.shares * (math.log(RATIO) + points.log_cost)[:, None]
    built = truth.accuracy(growth) + own
    # Enough seeds for any rule.
    table = built[:, None] + rng.normal(0, SEED_SD, (count, 2 * SEEDS))

    answers = halved(table, surface_ranking(points.shares, points.log_cost))
    rows: list[list[float]] = [[] for _ in range(count)]
    for (network, _), value in sorted(answers.items()):
        assert value is not None
        rows[network].append(value)
    readings = Readings(points.shares, points.log_cost, tuple(map(tuple, rows)))
    surface = fit_surface(readings)
    optimum = find_optimum(surface, shares=points.splits)
    heights = truth.accuracy(points.splits * math.log(RATIO))
    peak = points.splits[heights.argmax()]
    best = int(at_cost.argmax())
    named = undecided(surface)

    each, more = divmod(len(answers), count)
    equal = [table[network, : each + (network < more)].mean() for network in range(count)]
    plain = halved(table, by_mean)
    left = sorted({network for network, seed in plain if seed == SEEDS - 1})
    last = left[int(np.argmax([table[network, :SEEDS].mean() for network in left]))]
    return {
        "covered": float((np.abs(optimum.region - peak).max(axis=1) < 1e-9).any()),
        "region": len(optimum.region) / len(points.splits),
        "told": float(best in named),
        "named": len(named),
        "lost": float(at_cost[best] - at_cost[int(surface.expected.argmax())]),
        "lost_equal": float(at_cost[best] - at_cost[int(np.argmax(equal))]),
        "lost_halving": float(at_cost[best] - at_cost[last]),
    }


def run(out: Path, fits: int, arguments: list[str]) -> None:
    """Fit all grids and kinds that the record lacks."""
    record = Record(out, "benchmarks.fit_validation", arguments, seeds=SEEDS, seed_sd=SEED_SD)
    for grid, how in GRIDS.items():
        points = prepared(*how)
        # The first grid is the one that users are told about; the others check it.
        count = fits if grid == next(iter(GRIDS)) else max(1, fits // 2)
        for kind in KINDS:
            settings = {"grid": grid, "kind": kind, "fits": count}
            if record.has(settings):
                continue
            drawn = [one_fit(points, kind, number) for number in range(count)]
            means = {name: round(float(np.mean([d[name] for d in drawn])), 6) for name in FIGURES}
            ahead = {
                f"{name}_minus_lost_sd": round(
                    float(np.std([d[name] - d["lost"] for d in drawn]) / math.sqrt(count)), 6
                )
                for name in ("lost_equal", "lost_halving")
            }
            networks = {"networks": len(points.networks), "inside": points.grows_in_all}
            record.add({**settings, **networks, **means, **ahead})
            print(f"{grid}, {kind}: covered {means['covered']:.3f}", flush=True)


def report(out: Path) -> None:
    """Write the page."""
    import json

    document = json.loads(out.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = document["rows"]
    lines = [
        "# Does a scaling fit keep its word?",
        "",
        "Fits of simulated truths, whose optimum is known, over the networks that `nas "
        f"fit-scaling` would train, with its halving to {SEEDS} seeds and its surface; a seed's "
        f"luck is {100 * SEED_SD:g} points. `python -m benchmarks.fit_validation run`, then "
        "`report`; kinds of truth: `benchmarks/scaling_truths.py`. Losses are in points of "
        "accuracy, at equal cost and in the mean; rules beside ours have as many trainings.",
    ]
    for grid in dict.fromkeys(row["grid"] for row in rows):
        part = [row for row in rows if row["grid"] == grid]
        inside = "some" if part[0]["inside"] else "none"
        lines += [
            "",
            f"## {grid}: {part[0]['networks']} networks, {inside} growing in all three dimensions",
            "",
            f"| truth | fits | {' | '.join(FIGURES.values())} |",
            "|---|---|" + "---|" * len(FIGURES),
            *(_row(row) for row in part),
        ]
    lines += ["", *_words(rows), ""]
    write_text_atomic(out.with_suffix(".md"), "\n".join(lines))
    print("\n".join(lines))


def _row(row: dict[str, Any]) -> str:
    kind = f"{row['kind']} (unseen)" if row["kind"] in UNSEEN else row["kind"]
    parts = [f"{100 * row[name]:.1f} %" for name in ("covered", "region", "told")]
    losses = [f"{100 * row[name]:.3f}" for name in ("lost", "lost_equal", "lost_halving")]
    cells = [kind, str(row["fits"]), *parts, f"{row['named']:.1f}", *losses]
    return f"| {' | '.join(cells)} |"


def _words(rows: list[dict[str, Any]]) -> list[str]:
    fits = sum(row["fits"] for row in rows)

    def mean(name: str) -> float:
        return float(sum(row[name] * row["fits"] for row in rows) / fits)

    low = [row for row in rows if row["covered"] < 0.85]
    sure = [
        row
        for row in rows
        if row["lost_halving"] - row["lost"] < -2 * row["lost_halving_minus_lost_sd"]
    ]
    lines = [
        f"Over all {fits:,} fits the region of 90 % held the optimum in {100 * mean('covered'):.1f}"
        f" %, and the named networks included the best in {100 * mean('told'):.1f} %. The choice "
        f"lost {100 * mean('lost'):.3f} points, the best of equal seeds "
        f"{100 * mean('lost_equal'):.3f}, the best of halving by means "
        f"{100 * mean('lost_halving'):.3f}.",
    ]
    if low:
        named = "; ".join(f"{r['kind']}, {r['grid']}: {100 * r['covered']:.0f} %" for r in low)
        lines.append(f"The goal is 85 to 95 %. It is missed from below for {named}.")
    else:
        lines.append("No kind of truth is below the goal of 85 %.")
    wide = [row for row in rows if row["covered"] > 0.95]
    if wide:
        named = "; ".join(f"{r['kind']}, {r['grid']}" for r in wide)
        lines.append(
            f"Regions are wider than need be (above 95 %) for {named}; of 80 fits a figure is "
            "known to about 3 points."
        )
    if sure:
        named = "; ".join(f"{r['kind']}, {r['grid']}" for r in sure)
        lines.append(
            f"Halving by plain means chose better (by more than two standard errors) for {named}."
        )
    lines.append(
        "The surface was chosen on truths of the kinds not marked unseen, of other seeds, on the "
        "first grid. An optimum inside the triangle that no network is near (bump, cone) is what "
        "it can know least about; in `level` all splits are within about a tenth of a point, so "
        "that missing the best one costs nothing."
    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=("run", "report"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fits", type=int, default=200, help="of each truth, first grid [200]")
    options = parser.parse_args()
    if options.action == "report":
        report(options.out)
        return
    given = ["run", "--out", str(options.out), "--fits", str(options.fits)]
    run(options.out, options.fits, given)


if __name__ == "__main__":
    main()
