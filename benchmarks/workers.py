"""How well workers are kept busy, what a suggestion costs, and what saving a trial costs.

    python -m benchmarks.workers --out docs/results/workers.json

Workers: networks of `mbconv` are judged by an evaluator that sleeps, proposed by the random
sampler. Efficiency = evaluations x sleep / (workers x wall time), where wall time runs from the
first network given out to the last one judged; starting the workers is told apart. Suggestions: an
ask of each sampler with networks in flight. Storage: saving a finished trial in a study that holds
many. Sleeping needs no processor, so the figures are those of the driver, not of this machine's
cores; starting is not.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

# The driver must not be disturbed by its own threads; torch and BLAS read this when imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from nas.cost import network_cost
from nas.evaluators.base import Accuracy, EvaluationContext
from nas.files import write_text_atomic
from nas.ray_workers import RaySettings, RayWorkers
from nas.runs.quiet import quiet_optuna
from nas.runs.records import Run, StudyLog, open_run
from nas.searching.config import SearchConfig
from nas.searching.loop import Search
from nas.searching.optuna_samplers import SAMPLERS
from nas.searching.problem import Problem, load_problem
from nas.searching.sampler_choice import sampler_source
from nas.searching.trial_record import record_judgement, record_network
from nas.space import random_network
from nas.spec import ArchSpec
from nas.workers import Done, Executor, ProcessWorkers, Task, WorkerSettings

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial


class Sleeping:
    """Judges a network by sleeping for a second."""

    name = "sleeping"
    cheap = False
    seconds = 1.0

    def prepare(self, context: EvaluationContext) -> None:
        """Nothing to load."""

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """The same answer for every network."""
        time.sleep(self.seconds)
        return Accuracy(0.5, "slept")


class Dozing(Sleeping):
    """Judges a network by sleeping for a twentieth of a second."""

    name = "dozing"
    seconds = 0.05


class Graded(Sleeping):
    """Answers at once, larger networks better, and calls itself costly like one that trains."""

    name = "graded"

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """A smooth function of size and depth."""
        cost = network_cost(arch)
        size = cost.params / 6e6 + arch.depth / 40 + cost.flops / 2e9
        return Accuracy(1 - math.exp(-size), "made up")


EVALUATORS = (Sleeping, Dozing)


class Timed:
    """An executor that notes when the first network is given out and when the last is judged."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.capacity = executor.capacity
        self.first: float | None = None
        self.last = 0.0

    def submit(self, task: Task) -> None:
        """Pass it on."""
        self.first = self.first or time.monotonic()
        self._executor.submit(task)

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Pass it on."""
        done = self._executor.wait(timeout)
        self.last = time.monotonic()
        return done

    def close(self) -> None:
        """Pass it on."""
        self._executor.close()

    @property
    def wall_seconds(self) -> float:
        """From the first network given out to the last one judged."""
        assert self.first is not None
        return self.last - self.first


@contextlib.contextmanager
def fresh_run(**settings: Any) -> Iterator[tuple[Problem, Run]]:
    """A problem and an empty run folder that is gone afterwards."""
    config = SearchConfig(target_flops=400_000_000, **settings)
    with tempfile.TemporaryDirectory() as folder:
        yield load_problem(config), open_run(Path(folder) / "run", config, "benchmark")


def make_executor(engine: str, problem: Problem, run: Run, workers: int) -> Executor:
    """The executor of one engine, with all of its workers started."""
    evaluator = problem.config.evaluator
    settings = WorkerSettings(evaluator, problem.space, 0, run.folder / "evaluator")
    if engine == "ray":
        return RayWorkers(settings, workers, RaySettings("local"))
    return ProcessWorkers(settings, workers)


def keep_busy(engine: str, evaluator: type[Sleeping], workers: int, rounds: int) -> dict[str, Any]:
    """One search in which every worker judges `rounds` networks."""
    name, evaluations = f"benchmarks.workers:{evaluator.__name__}", workers * rounds
    with fresh_run(evaluator=name, sampler="random", trials=evaluations) as (problem, run):
        started = time.monotonic()
        executor = Timed(make_executor(engine, problem, run, workers))
        # A first network for each worker, so that each has loaded what it needs.
        for number in range(workers):
            executor.submit(Task(number, random_network(problem.space, number)[0]))
        waiting = workers
        while waiting:
            waiting -= len(executor.wait())
        start_up = time.monotonic() - started - evaluator.seconds
        executor.first = None
        outcome = Search(problem, run, executor).execute()
        assert outcome.evaluations == evaluations
    ideal = evaluations * evaluator.seconds
    return {
        "engine": engine,
        "sleep_seconds": evaluator.seconds,
        "workers": workers,
        "evaluations": evaluations,
        "wall_seconds": round(executor.wall_seconds, 3),
        "efficiency": round(ideal / (workers * executor.wall_seconds), 4),
        "start_up_seconds": round(start_up, 2),
    }


def finish(problem: Problem, study: Study, trial: Trial, arch: ArchSpec) -> FrozenTrial:
    """Judge a network and tell, as the search does."""
    judgement = problem.evaluator.evaluate(arch, seed=0)
    record_judgement(trial, judgement, 0.001)
    cost = network_cost(arch)
    return study.tell(trial, problem.values(judgement, cost, problem.figures(arch)))


def ask_milliseconds(sampler: str, in_flight: int, finished: int, asks: int) -> dict[str, Any]:
    """The median time of a suggestion with `in_flight` networks under way."""
    import optuna

    settings = {"evaluator": "benchmarks.workers:Graded", "sampler": sampler}
    with fresh_run(**settings) as (problem, _), quiet_optuna():
        study = optuna.create_study(directions=problem.directions)
        source = sampler_source(problem)
        times = []
        opened: list[tuple[optuna.Trial, ArchSpec]] = []
        for number in range(finished + in_flight - 1 + asks):
            if number < finished:
                study.sampler = optuna.samplers.RandomSampler(seed=number)
            else:
                study.sampler = source.for_trial(number)
            started = time.perf_counter()
            trial = study.ask()
            arch = problem.space.sample(trial)  # type: ignore[arg-type]
            if number >= finished + in_flight - 1:
                times.append(time.perf_counter() - started)
            trial.set_user_attr("question", number)
            record_network(problem, trial, arch)
            opened.append((trial, arch))
            if number < finished or len(opened) >= in_flight:
                finish(problem, study, *opened.pop(0))
    return {
        "sampler": sampler,
        "in_flight": in_flight,
        "finished": finished,
        "ask_ms_median": round(1e3 * statistics.median(times), 2),
        "ask_ms_worst": round(1e3 * max(times), 2),
    }


def saving_milliseconds(
    storage: str | None, counts: list[int], window: int
) -> list[dict[str, Any]]:
    """The time of saving a trial when the study holds `counts` trials, over `window` of them."""
    import optuna

    results = []
    settings = {
        "evaluator": "benchmarks.workers:Graded",
        "storage": storage,
        # A database that is used again gets a study of its own.
        "seed": time.time_ns() % 2**31,
    }
    with fresh_run(**settings) as (problem, run), quiet_optuna():
        study = optuna.create_study(directions=problem.directions)
        study.sampler = optuna.samplers.RandomSampler(seed=0)
        log = StudyLog(run, problem.directions)
        times: list[float] = []
        for number in range(max(counts)):
            trial = study.ask()
            arch = problem.space.sample(trial)  # type: ignore[arg-type]
            trial.set_user_attr("question", number)
            record_network(problem, trial, arch)
            finished = finish(problem, study, trial, arch)
            started = time.perf_counter()
            log.add(finished)
            times.append(time.perf_counter() - started)
            if number + 1 in counts:
                lately = times[-window:]
                results.append(
                    {
                        "storage": "journal" if storage is None else storage.partition(":")[0],
                        "trials": number + 1,
                        "save_ms_median": round(1e3 * statistics.median(lately), 2),
                        "save_ms_worst": round(1e3 * max(lately), 2),
                    }
                )
                if storage is None:
                    results[-1]["bytes"] = run.journal.stat().st_size
                    started = time.perf_counter()
                    StudyLog(run, problem.directions)
                    results[-1]["open_seconds"] = round(time.perf_counter() - started, 3)
    return results


def surroundings() -> dict[str, Any]:
    """What the figures depend on."""
    versions = {"python": platform.python_version()}
    for name in ("compound-nas", "optuna", "ray", "psycopg"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "date": datetime.date.today().isoformat(),
        "hardware": f"{os.cpu_count()} CPU cores ({platform.machine()}), {platform.system()}",
        "load_before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def ray_is_installed() -> bool:
    """Whether the extra `ray` is there."""
    return importlib.util.find_spec("ray") is not None


def numbers(text: str) -> list[int]:
    """Read "1,2,4"."""
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--engines", help="processes,ray [those installed]")
    parser.add_argument("--workers", type=numbers, default="1,2,4,8,16,32")
    parser.add_argument("--rounds", type=int, default=8, help="networks a worker, at 1 s")
    parser.add_argument("--short-rounds", type=int, default=40, help="networks a worker, at 0.05 s")
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--in-flight", type=numbers, default="1,8,32")
    parser.add_argument("--finished", type=int, default=200, help="trials that a sampler knows")
    parser.add_argument("--asks", type=int, default=20, help="suggestions timed")
    parser.add_argument("--trials", type=numbers, default="100,1000,10000", help="in the storage")
    parser.add_argument("--postgres", help="a database URL to time as well; it is written to")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    arguments = parser.parse_args()
    engines: str | None = arguments.engines
    if engines is None:
        engines = "processes,ray" if ray_is_installed() else "processes"
    command = shlex.join(["python", "-m", "benchmarks.workers", *_without_secrets(sys.argv[1:])])
    document: dict[str, Any] = {"command": command, **surroundings()}
    document |= {"efficiency": [], "suggestions": [], "storage": []}

    for engine in filter(None, engines.split(",")):
        for evaluator in EVALUATORS:
            rounds = arguments.rounds if evaluator is Sleeping else arguments.short_rounds
            for workers in arguments.workers:
                row = keep_busy(engine, evaluator, workers, rounds)
                document["efficiency"].append(row)
                save(document, arguments.out)
                print(
                    f"{engine:<10} {row['sleep_seconds']:>5} s, {workers:>2} workers: efficiency "
                    f"{row['efficiency']:7.1%}, start-up {row['start_up_seconds']:6.2f} s",
                    flush=True,
                )
    for sampler in filter(None, arguments.samplers.split(",")):
        for in_flight in arguments.in_flight:
            row = ask_milliseconds(sampler, in_flight, arguments.finished, arguments.asks)
            document["suggestions"].append(row)
            save(document, arguments.out)
            print(f"{sampler:<12} {in_flight:>2} in flight: {row['ask_ms_median']:8.2f} ms")
    for storage in (None, arguments.postgres) if arguments.postgres else (None,):
        for row in saving_milliseconds(storage, arguments.trials, 100) if arguments.trials else ():
            document["storage"].append(row)
            save(document, arguments.out)
            print(f"{row['storage']:<12} {row['trials']:>6} trials: {row['save_ms_median']} ms")


def save(document: dict[str, Any], out: Path | None) -> None:
    """Write what is measured so far; the whole takes a quarter of an hour."""
    if out is not None:
        write_text_atomic(out, json.dumps(document, indent=1) + "\n")


def _without_secrets(words: list[str]) -> list[str]:
    """A command line whose database URLs hide who logs in where."""
    return ["postgresql://..." if "://" in word else word for word in words]


if __name__ == "__main__":
    main()
