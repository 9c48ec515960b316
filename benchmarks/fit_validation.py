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

import numpy as np

from benchmarks.fit_validation_page import FIGURES, write_page
from benchmarks.scaling_truths import KINDS
from benchmarks.training.record import Record
from nas.archs import find_network
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
FIRST = 40_000_000
"""First of the seeds that truths are drawn with; the model was chosen on others."""
RATIO, STEP = 2.0, 0.05
GRIDS = {
    "efficientnet-b0 at 64 px": ("efficientnet-b0", 64, 0.1),
    "mobilenet-v2 at 64 px": ("mobilenet-v2", 64, 0.1),
    "resnet-18 at 64 px": ("resnet-18", 64, 0.15),
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
        for kind in KINDS:
            settings = {"grid": grid, "kind": kind, "fits": fits}
            if record.has(settings):
                continue
            drawn = [one_fit(points, kind, number) for number in range(fits)]
            means = {name: round(float(np.mean([d[name] for d in drawn])), 6) for name in FIGURES}
            ahead = {
                f"{name}_minus_lost_sd": round(
                    float(np.std([d[name] - d["lost"] for d in drawn]) / math.sqrt(fits)), 6
                )
                for name in ("lost_equal", "lost_halving")
            }
            networks = {"networks": len(points.networks), "inside": points.grows_in_all}
            record.add({**settings, **networks, **means, **ahead})
            print(f"{grid}, {kind}: covered {means['covered']:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=("run", "report"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fits", type=int, default=100, help="of each truth and grid [100]")
    options = parser.parse_args()
    if options.action == "report":
        write_page(options.out, seeds=SEEDS, seed_sd=SEED_SD)
        return
    given = ["run", "--out", str(options.out), "--fits", str(options.fits)]
    run(options.out, options.fits, given)


if __name__ == "__main__":
    main()
