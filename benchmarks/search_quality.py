"""How many evaluations each sampler needs, on truths fitted to really trained networks.

    python -m benchmarks.search_quality run --data DIR --problems trees-hard-400 --seeds 20
    python -m benchmarks.search_quality extras --data DIR --seeds 10
    python -m benchmarks.search_quality report

`run` appends one line per (problem, noise, sampler, seed) to the file of runs and skips those that
are there, so it may be stopped and started at will. `extras` likewise does the pool of real
networks, Pareto fronts and times per suggestion. `report` writes the tables and figures from both
files (one JSON object per line). Set OMP_NUM_THREADS=1: the work is many small steps. About 4 s
per 200 evaluations of ours, 60 s per 100 of Optuna's GP.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.quality.problems import SearchProblem, table_problem
from benchmarks.quality.strategies import STRATEGIES, run
from benchmarks.quality.synthetic import synthetic_problem
from benchmarks.quality.worlds import SPACES, world_problem

RESULTS = Path("docs/results")


def find_problem(name: str, data: Path, cache: Path) -> SearchProblem:
    """A problem by name: TRUTH-FORM-MILLIONS, SPACE-FORM-MILLIONS-WORLD, synthetic-hard-WORLD."""
    if name.startswith("synthetic"):
        return synthetic_problem(name)
    if name.split("-")[0] in SPACES:
        return world_problem(name, cache)
    return table_problem(name, data, cache)


def first(rewards: list[float], level: float) -> int | None:
    """After how many evaluations `level` is reached."""
    return next((i + 1 for i, reward in enumerate(rewards) if reward >= level), None)


def one(
    problem: SearchProblem, sampler: str, seed: int, budget: int, noise: float
) -> dict[str, Any]:
    """One search as a line of the file of runs. Rewards are true ones, times are seconds."""
    began = perf_counter()
    meter = run(sampler, problem, seed, budget, noise)
    true = meter.true_rewards
    return {
        "problem": problem.name,
        "noise": noise,
        "sampler": sampler,
        "seed": seed,
        "budget": budget,
        "optimum": round(problem.optimum, 3),
        "regret": {str(n): round(problem.optimum - true[i], 4) for n, i in meter.chosen.items()},
        "to_b0": first(true, problem.reference),
        "to_optimum": first(true, problem.optimum - 0.1),
        "best": [round(max(true[: n + 1]), 3) for n in range(0, len(true), 5)],
        "ms_per_suggestion": round(1e3 * (perf_counter() - began - meter.judging) / len(true), 2),
    }


def run_all(options: argparse.Namespace) -> None:
    """Every missing line."""
    options.runs.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if options.runs.is_file():
        for line in options.runs.read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["budget"] >= options.budget:
                done.add((row["problem"], row["noise"], row["sampler"], row["seed"]))
    for name in options.problems:
        problem = find_problem(name, options.data, options.cache)
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for sampler in options.samplers:
                if (name, options.noise, sampler, seed) in done:
                    continue
                try:
                    row = one(problem, sampler, seed, options.budget, options.noise)
                except ModuleNotFoundError as error:
                    # Optuna's CMA-ES needs the package `cmaes`, for example.
                    print(f"{sampler} skipped: {error}", flush=True)
                    continue
                with options.runs.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(name, sampler, seed, row["to_b0"], row["regret"], flush=True)


def extras_all(options: argparse.Namespace) -> None:
    """The pool of real networks, Pareto fronts and times: one line each, missing ones only."""
    from benchmarks.quality.extras import pareto, pool, suggestion_ms
    from benchmarks.quality.truths import fit_truth

    done = set()
    if options.extras.is_file():
        done = {json.loads(line)["what"] for line in options.extras.read_text("utf-8").splitlines()}
    problem = find_problem("trees-hard-400", options.data, options.cache)
    accuracy = fit_truth("trees", options.data, options.cache)
    throughput = fit_truth("throughput", options.data, options.cache)
    jobs: dict[str, Callable[[], Any]] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        jobs[f"pool {seed}"] = partial(pool, options.data, problem, seed)
        for second, other in (("flops", None), ("throughput", throughput)):
            for name in options.pareto:
                jobs[f"pareto {second} {name} {seed}"] = partial(
                    pareto, accuracy, other, problem, name, seed, options.budget
                )
    for name, known in (("tpe", 1000), ("ours", 1000), ("ours-cheap", 1000)):
        jobs[f"ms {name} {known}"] = partial(suggestion_ms, problem, name, known, 20)
    for name, asked in (("ours", 20), ("ours-cheap", 20), ("optuna-gp", 2)):
        jobs[f"ms {name} 200"] = partial(suggestion_ms, problem, name, 200, asked)
    quiet()
    options.extras.parent.mkdir(parents=True, exist_ok=True)
    for what, job in jobs.items():
        if what.split()[0] in options.what and what not in done:
            found = job()
            with options.extras.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"what": what, "found": found}) + "\n")
            print(what, found, flush=True)


def quiet() -> None:
    """No line per trial, no warnings of experimental samplers."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")


def main() -> None:
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("run", "extras", "report"):
        command = actions.add_parser(action)
        command.add_argument("--runs", type=Path, default=RESULTS / "search_quality_runs.json")
        command.add_argument("--extras", type=Path, default=RESULTS / "search_quality_extras.json")
        if action == "report":
            command.add_argument("--out", type=Path, default=RESULTS)
            for part, kind in (("runs", "seeds"), ("extras", "seeds_extras")):
                place = RESULTS / f"search_quality_fresh_{kind}.json"
                command.add_argument(f"--fresh-{part}", type=Path, default=place)
            continue
        command.add_argument("--data", type=Path, required=True)
        command.add_argument("--cache", type=Path, default=Path("build/search_quality"))
        command.add_argument("--problems", nargs="+", default=["trees-hard-400"])
        command.add_argument("--samplers", nargs="+", default=["ours"], choices=list(STRATEGIES))
        command.add_argument("--pareto", nargs="*", default=["random", "nsga2", "motpe", "ours"])
        kinds = ["pool", "pareto", "ms"]
        command.add_argument("--what", nargs="+", default=kinds, choices=kinds, help="of extras")
        command.add_argument("--seeds", type=int, default=20)
        command.add_argument("--first-seed", type=int, default=0)
        command.add_argument("--budget", type=int, default=200)
        command.add_argument("--noise", type=float, default=0.0, help="SD of a label, in points")
    options = parser.parse_args()
    if options.action == "run":
        run_all(options)
    elif options.action == "extras":
        extras_all(options)
    else:
        from benchmarks.quality.report import write_report

        fresh = (options.fresh_runs, options.fresh_extras)
        write_report(options.runs, options.extras, fresh, options.out)


if __name__ == "__main__":
    main()
