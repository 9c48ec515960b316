"""`nas search`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nas.cli.options import COUNT, json_option, size_options
from nas.config import SearchConfig
from nas.errors import ConfigError
from nas.objective import Bound

if TYPE_CHECKING:
    from nas.records import Run
    from nas.results import SearchResult

DEFAULT_TRIALS = 1000


class Seconds(click.ParamType):
    """A duration: 90, 90s, 15m or 2h."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a duration as seconds."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        factor = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 0)
        try:
            return float(text[:-1]) * factor if factor else float(text)
        except ValueError:
            self.fail(f"'{value}' is no duration; write for example 90s, 15m or 2h", param, ctx)


class DeviceLimit(click.ParamType):
    """DEVICE=NUMBER."""

    name = "device=number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Read "zcu102=4.5"."""
        device, separator, number = str(value).partition("=")
        try:
            return device.strip(), float(number)
        except ValueError:
            example = "zcu102=4.5" if separator else f"{value}=4.5"
            self.fail(f"'{value}' is not DEVICE=NUMBER; write for example {example}", param, ctx)


class Exponents(click.ParamType):
    """LOW,HIGH."""

    name = "low,high"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Read "0,-1"; a single number stands for both sides."""
        try:
            parts = [float(part) for part in str(value).split(",")]
            low, high = parts if len(parts) == 2 else (parts[0], parts[0])
            if len(parts) > 2:
                raise ValueError
        except ValueError:
            self.fail(f"'{value}' is not LOW,HIGH; write for example 0,-1", param, ctx)
        return low, high


@click.command("search")
@click.option("--target-flops", "-t", type=COUNT, required=True, help="T, for example 400M.")
@click.option(
    "--space", default="mbconv", show_default=True, help="Search space; see `nas spaces`."
)
@click.option(
    "--evaluator",
    default="imagenet",
    show_default=True,
    help="How networks are judged; see `nas plugins`. `imagenet` predicts from real results.",
)
@click.option("--data", type=click.Path(path_type=Path), hidden=True)
@click.option(
    "--reward",
    default="hard",
    show_default=True,
    help="`hard`: accuracy up to T, falling as 1/FLOPs above (honours T). `paper`: w = -0.07 on "
    "both sides, where T is only a constant factor. Or a plug-in's.",
)
@click.option("--w", "exponents", type=Exponents(), help="The exponents at or below, and above, T.")
@click.option("--objectives", help="Trade off figures instead of a reward: accuracy,flops.")
@click.option("--max-flops", type=COUNT, help="Refuse larger networks before judging them.")
@click.option("--max-params", type=COUNT, help="Refuse networks with more parameters.")
@click.option("--max-activations", type=COUNT, help="Refuse networks with more activations.")
@click.option(
    "--max-latency",
    type=DeviceLimit(),
    multiple=True,
    help="Refuse slower networks, in ms: zcu102=4.5 (zcu102 or vck190; predicted).",
)
@click.option(
    "--min-throughput",
    type=DeviceLimit(),
    multiple=True,
    help="Refuse slower networks, in images/s: a100=9000 (a100, 3090, tpuv2, tpuv3, zcu102, "
    "vck190; predicted).",
)
@click.option("--sampler", default="tpe", show_default=True, help="tpe, nsga2, gp or random.")
@click.option(
    "--trials",
    type=int,
    default=DEFAULT_TRIALS,
    show_default=True,
    help="Networks to evaluate; refused and repeated ones do not count. May be raised later.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Worker processes for an evaluator that trains; one GPU each where there are GPUs.",
)
@click.option("--timeout", type=Seconds(), help="Ask no more after this long: 90s, 15m, 2h.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed, the same run.")
@click.option("--storage", help="A database for the Optuna study instead of the run's journal.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [runs/<date>-...].")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@size_options
@json_option
def command(
    target_flops: int,
    objectives: str | None,
    max_flops: int | None,
    max_params: int | None,
    max_activations: int | None,
    max_latency: tuple[tuple[str, float], ...],
    min_throughput: tuple[tuple[str, float], ...],
    timeout: float | None,
    data: Path | None,
    out: Path | None,
    workers: int,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Search for the most accurate network at no more than T FLOPs.

    Stop it at any time: the same command goes on where it was. The run folder holds best.json (the
    found network, readable by every other command), trials.csv, pareto.png, run.json, and the
    Optuna study (study.journal).

    \b
    --json: best, paper_best, reward_best, reference (each: name, digest, spec, cost, accuracy,
    accuracy_sd, score, source, reward, trial, params), evaluations, refused, repeats, failed,
    top, pareto, target_flops, stopped, run.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    if data is not None:
        raise ConfigError(
            "--data needs an evaluator that trains, which this version does not have; "
            "leave it out to search with the bundled ImageNet predictor"
        )
    bounds = [
        Bound(metric, float(limit))
        for metric, limit in (
            ("flops", max_flops),
            ("params", max_params),
            ("activations", max_activations),
        )
        if limit is not None
    ]
    bounds += [Bound(f"latency:{device}", limit) for device, limit in max_latency]
    bounds += [Bound(f"throughput:{device}", limit, "min") for device, limit in min_throughput]
    config = SearchConfig(
        target_flops=target_flops,
        bounds=tuple(bounds),
        objectives=tuple(part.strip() for part in objectives.split(",")) if objectives else (),
        timeout_seconds=timeout,
        **settings,
    )
    run_search(config, out, workers=workers, quiet=quiet, as_json=as_json)


def run_search(
    config: SearchConfig, out: Path | None, *, workers: int, quiet: bool, as_json: bool
) -> None:
    """Check, search, save and print."""
    from nas.problem import load_problem
    from nas.progress import search_progress
    from nas.records import choose_folder, command_line, locked, open_run
    from nas.sampling import sampler_factory
    from nas.searching import Search, make_executor
    from nas.units import format_count

    sampler_factory(config.sampler)
    problem = load_problem(config)
    folder = out or choose_folder(config, format_count(config.target_flops))
    run = open_run(folder, config, command_line(sys.argv[1:]))
    with locked(folder):
        signal.signal(signal.SIGTERM, _interrupt)
        with search_progress(config.trials, config.target_flops, quiet) as observe:
            search = Search(problem, run, make_executor(problem, run, workers), observe)
            try:
                outcome = search.execute()
            except KeyboardInterrupt:
                _say_how_to_go_on(run, search.ledger.evaluations)
        result = save_result(problem, run, outcome)
    if as_json:
        from nas.cli.output import print_json

        print_json(result_document(result, run, outcome))
    else:
        from nas.cli.search_text import print_result

        print_result(problem, result, run, outcome)


def _interrupt(signum: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _say_how_to_go_on(run: Run, evaluations: int) -> NoReturn:
    click.echo(
        f"interrupted after {evaluations} evaluations, all saved in {run.folder}; "
        "the same command goes on",
        err=True,
    )
    sys.exit(130)


def save_result(problem: Any, run: Run, outcome: Any) -> SearchResult:
    """Write best.json, trials.csv and pareto.png; best.json last, as the mark of a finished run."""
    from nas.files import write_text_atomic
    from nas.report.pareto import save_pareto
    from nas.results import summarise, trials_csv

    result = summarise(problem, outcome.trials)
    write_text_atomic(run.folder / "trials.csv", trials_csv(problem, outcome.trials))
    save_pareto(run.folder / "pareto.png", outcome.trials, result, problem.config.target_flops)
    document = result_document(result, run, outcome)
    write_text_atomic(run.folder / "best.json", json.dumps(document, indent=2) + "\n")
    return result


def result_document(result: SearchResult, run: Run, outcome: Any) -> dict[str, Any]:
    """What `best.json` holds and `--json` prints."""
    return {
        **result.to_dict(),
        "target_flops": run.config.target_flops,
        "stopped": outcome.stopped,
        "run": str(run.folder),
        "command": run.command,
    }
