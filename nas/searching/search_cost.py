"""What a search will take: seconds of evaluations, seconds of asking, bytes on disk.

Measured on a handful of networks, and extrapolated; nothing is written.
"""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from nas.cost import network_cost
from nas.errors import NasError
from nas.evaluators.base import EvaluationContext, TellsSeconds, TriesSeconds, judge
from nas.runs.finding import MARKER, searches
from nas.runs.records import read_run
from nas.runs.status import Source, read_status
from nas.runs.study_reader import read_run_study
from nas.searching.problem import Problem
from nas.searching.results import trials_csv
from nas.searching.sampler_choice import sampler_source
from nas.searching.trial_record import record_network, set_attributes
from nas.space import random_network

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from nas.searching.config import SearchConfig
    from nas.spec import ArchSpec
    from nas.suggest import Suggest

HANDFUL = 20
# Asking slows down as trials gather. It is timed at 20, 40, 80, ... of them for so long; from 20
# on, because samplers begin with some random trials.
ASKING_BUDGET_SECONDS = 6.0
FIRST_SIZE = 20
ASKS = 3
# Between two sizes close together noise can look like any power; Optuna's GP, the steepest, grows
# with 1.2 to 2.7 from 50 to 1,000 trials (measured).
STEEPEST_POWER = 2.0
# best.json with ten networks, pareto.png and run.json of a search of 1,000: 0.2 MB.
RESULT_BYTES = 250_000


@dataclass(frozen=True)
class Expected:
    """Seconds of one worker for one network, and how that is known; None where it is not."""

    seconds: float | None
    source: str


def evaluation_seconds(problem: Problem, *, may_try: bool = True) -> Expected:
    """What one evaluation takes: told by the evaluator, seen in an earlier run, or tried.

    may_try: whether a part of a training may be done to find out.
    """
    evaluator = problem.evaluator
    if isinstance(evaluator, TellsSeconds):
        return Expected(float(evaluator.seconds_per_evaluation()), "told by the evaluator")
    if evaluator.cheap:
        source = random.Random(problem.config.seed)
        networks = [random_network(problem.space, source)[0] for _ in range(HANDFUL)]
        started = time.monotonic()
        for network in networks:
            judge(evaluator, network, problem.config.seed)
        return Expected((time.monotonic() - started) / HANDFUL, f"tried on {HANDFUL} networks")
    earlier = _earlier(problem.config)
    if earlier.seconds is not None or not may_try or not isinstance(evaluator, TriesSeconds):
        return earlier
    network = _network_near(problem)
    context = EvaluationContext(
        problem.space, problem.config.seed, options=problem.worker_options(workers=1)
    )
    return Expected(evaluator.try_seconds(context, network), "tried on a part of one training")


def _network_near(problem: Problem) -> ArchSpec:
    """Of some random networks, the one whose FLOPs are nearest to the target."""
    source = random.Random(problem.config.seed)
    networks = [random_network(problem.space, source)[0] for _ in range(HANDFUL)]
    target = problem.config.target_flops
    return min(networks, key=lambda network: abs(network_cost(network).flops - target))


def checkpoint_bytes(problem: Problem) -> int:
    """About what the checkpoint of a training takes: weights, two moments, and their average."""
    return 4 * 4 * network_cost(_network_near(problem)).params


def _earlier(wanted: SearchConfig) -> Expected:
    """The mean of the newest run of the same evaluator with the same settings below runs/."""
    for folder in sorted(searches(), key=lambda f: (f / MARKER).stat().st_mtime_ns)[::-1]:
        try:
            config = read_run(folder).config
            if not _alike(config, wanted):
                continue
            reader = read_run_study(folder, config)
            status = read_status(Source(str(folder), folder, config, reader))
        except NasError:
            continue
        if status.evaluations:
            return Expected(status.seconds / status.evaluations, f"the mean of run {folder}")
    return Expected(None, "unknown: there is no earlier run of this evaluator in runs/")


def _alike(one: SearchConfig, other: SearchConfig) -> bool:
    """Whether an evaluation of one search takes what one of the other does, about."""
    if one.evaluator != other.evaluator:
        return False
    return one.data == other.data is None or (
        one.options == other.options
        and one.resolution == other.resolution
        and 0.8 <= one.target_flops / other.target_flops <= 1.25
    )


def asking_seconds(problem: Problem, done: int, wanted: int) -> float:
    """What the sampler takes for the trials from `done` to `wanted`, all together.

    Between and beyond the sizes that are tried, seconds grow as a power of the number of trials.
    """
    from nas.runs.quiet import quiet_optuna

    problem = _without_filter(problem)
    points: list[tuple[int, float]] = []
    with quiet_optuna():
        study = _study(problem)
        size = min(FIRST_SIZE, wanted)
        _add_random_trials(problem, study, size)
        # Once untimed: the first time has imports in it.
        _time_of_asking(problem, study, asks=1)
        started = time.monotonic()
        while True:
            _add_random_trials(problem, study, size - len(study.get_trials(deepcopy=False)))
            points.append((size, _time_of_asking(problem, study)))
            spent = time.monotonic() - started
            if size >= wanted or spent > ASKING_BUDGET_SECONDS:
                return _sum_between(points, done, wanted)
            size = min(wanted, 2 * size)


def _without_filter(problem: Problem) -> Problem:
    """The problem without its filter's scores, which take seconds that an estimate need not."""
    return dataclasses.replace(problem, first_filter=None)


def _study(problem: Problem) -> Study:
    import optuna

    return optuna.create_study(
        directions=problem.directions, sampler=optuna.samplers.RandomSampler(problem.config.seed)
    )


def _add_random_trials(problem: Problem, study: Study, count: int) -> None:
    import optuna

    # What a sampler takes depends on how many trials there are, not on how good they were.
    values = random.Random(len(study.get_trials(deepcopy=False)))
    study.sampler = optuna.samplers.RandomSampler(values.randrange(2**31))
    for _ in range(count):
        trial = study.ask()
        record_network(problem, trial, problem.space.sample(cast("Suggest", trial)))
        study.tell(trial, [values.random() for _ in problem.objectives])


def _time_of_asking(problem: Problem, study: Study, asks: int = ASKS) -> float:
    """The median of some asks, each with its tell and its network's figures."""
    sampler = sampler_source(problem)
    times = []
    for number in range(asks):
        started = time.monotonic()
        study.sampler = sampler.for_trial(number)
        trial = study.ask()
        record_network(problem, trial, problem.space.sample(cast("Suggest", trial)))
        study.tell(trial, [0.5 for _ in problem.objectives])
        times.append(time.monotonic() - started)
    return sorted(times)[asks // 2]


def _sum_between(points: list[tuple[int, float]], done: int, wanted: int) -> float:
    return sum(_at(points, n + 0.5) for n in range(done, wanted))


def _at(points: list[tuple[int, float]], size: float) -> float:
    """Seconds of one ask at a size: between two tried sizes, or beyond the last two."""
    if len(points) == 1:
        return points[0][1]
    if size <= points[0][0]:
        return points[0][1]
    upper = next((i for i, (n, _) in enumerate(points) if n >= size), len(points) - 1)
    (n0, t0), (n1, t1) = points[upper - 1], points[upper]
    if size <= n1:
        return t0 + (t1 - t0) * (size - n0) / (n1 - n0)
    power = math.log(t1 / t0) / math.log(n1 / n0)
    return float(t1 * (size / n1) ** min(max(power, 0.0), STEEPEST_POWER))


def disk_bytes(problem: Problem, trials: int) -> int:
    """Bytes of a run of so many trials, without what the evaluator and its workers keep."""
    from nas.runs.quiet import quiet_optuna

    problem = _without_filter(problem)
    with quiet_optuna():
        study = _study(problem)
        trial = study.ask()
        record_network(problem, trial, problem.space.sample(cast("Suggest", trial)))
        set_attributes(trial, question=0, accuracy=0.123456789, sd=0.00123, source="x" * 80)
        finished = study.tell(trial, [0.123456789 for _ in problem.objectives])
        journal = _journal_bytes(problem, finished) if problem.config.storage is None else 0
    row = len(trials_csv(problem, [finished]).splitlines()[1])
    return trials * (journal + row) + RESULT_BYTES


def _journal_bytes(problem: Problem, trial: FrozenTrial) -> int:
    """The length of a trial's line in the journal, by Optuna's own encoding."""
    import json

    import optuna
    from optuna.storages.journal import BaseJournalBackend

    class Memory(BaseJournalBackend):
        def __init__(self) -> None:
            self.logs: list[dict[str, Any]] = []

        def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
            return self.logs[log_number_from:]

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            self.logs.extend(logs)

    memory = Memory()
    storage = optuna.storages.JournalStorage(memory)
    optuna.create_study(storage=storage, directions=problem.directions).add_trial(trial)
    return len(json.dumps(memory.logs[-1], separators=(",", ":"))) + 1
