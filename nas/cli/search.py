"""`nas search`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from nas.cli.interrupts import interrupt_on_sigterm
from nas.cli.options import COUNT, json_option, size_options
from nas.cli.search_data import training_options, trust_networks
from nas.cli.search_trained import here, report_trust, say_beforehand
from nas.cli.search_types import DeviceLimit, Exponents, Seconds
from nas.errors import ConfigError
from nas.searching.config import SearchConfig
from nas.searching.settings import DEFAULT_TRAINED_TRIALS, DEFAULT_TRIALS, search_config
from nas.shared.database_url import is_shared, shown_url
from nas.units import how_many

if TYPE_CHECKING:
    from nas.ray_workers import RaySettings
    from nas.runs.records import Run


@click.command("search")
@click.option("--target-flops", "-t", type=COUNT, required=True, help="T, for example 400M.")
@click.option(
    "--space", help="Search space; see `nas spaces` [mbconv; with --data mbconv-elastic]."
)
@click.option(
    "--evaluator",
    help="How networks are judged; see `nas plugins`. `imagenet` predicts from real results, "
    "`train` trains on your images [imagenet; with --data train].",
)
@training_options
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
    help="Refuse slower networks, in ms: here.json=20 (a table of `nas latency table`; finalists "
    "are measured again), or zcu102=4.5 (zcu102 or vck190; predicted).",
)
@click.option(
    "--min-throughput",
    type=DeviceLimit(),
    multiple=True,
    help="Refuse slower networks, in images/s: a100=9000 (a100, 3090, tpuv2, tpuv3, zcu102, "
    "vck190; predicted).",
)
@click.option(
    "--sampler",
    default="architecture",
    show_default=True,
    help="architecture (ours: the fewest evaluations), or Optuna's tpe, nsga2, gp or random.",
)
@click.option(
    "--warm-start",
    multiple=True,
    help="Judge this first: a network of the space (b0) or an earlier run's best. Repeatable.",
)
@click.option(
    "--trials",
    type=int,
    help="Networks to evaluate; refused and repeated ones do not count. May be raised later "
    f"[{DEFAULT_TRIALS}; with --data {DEFAULT_TRAINED_TRIALS}].",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Worker processes for an evaluator that trains; one GPU each where there are GPUs.",
)
@click.option(
    "--ray",
    metavar="ADDRESS|local",
    help="Workers on a Ray cluster (extra `ray`): HOST:PORT, auto, or local to start one here.",
)
@click.option(
    "--gpus-per-candidate",
    type=float,
    help="With --ray: GPUs of a worker, 0.5 for two on one [1 where there are GPUs].",
)
@click.option("--timeout", type=Seconds(), help="Ask no more after this long: 90s, 15m, 2h.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed, the same run.")
@click.option(
    "--storage",
    help="A database for the study instead of the run's journal; "
    "the same command on several machines then shares it (docs/parallel.md).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [runs/<date>-...].")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be done, how long it takes; do nothing."
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@size_options
@json_option
def command(
    objectives: str | None,
    trust: int | None,
    out: Path | None,
    workers: int,
    ray: str | None,
    gpus_per_candidate: float | None,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Search for the most accurate network at no more than T FLOPs.

    Stop it at any time: the same command goes on where it was. The run folder holds best.json (the
    found network, readable by every other command), trials.csv, pareto.png, run.json, and the
    Optuna study (study.journal).

    \b
    --json: best, highest, paper_best, reward_best, reference (each: name, digest, spec, cost,
    accuracy, accuracy_sd, score, source, reward, trial, params), evaluations, refused, repeats,
    failed, pruned, top, pareto, target_flops, stopped, run; with --trust, trust, or null
    and trust_error.
    With --dry-run: space, networks, fitting, within_bounds, evaluations, done, workers, gpus,
    seconds, seconds_per_evaluation, seconds_known_by, sampler_seconds, bytes, checkpoint_bytes,
    run, goes_on, in_use_by, study, files.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    notes: list[str] = []
    config = search_config(
        notes,
        objectives=tuple(part.strip() for part in objectives.split(",")) if objectives else (),
        **settings,
    )
    retrained = trust_networks(trust, config)
    if dry_run:
        from nas.cli.dry_run_text import show_dry_run

        show_dry_run(config, out, workers, as_json)
        return
    run_search(
        config,
        out,
        workers=workers,
        ray=_ray_settings(ray, gpus_per_candidate),
        quiet=quiet,
        as_json=as_json,
        notes=notes,
        trust=retrained,
    )


def _ray_settings(address: str | None, gpus_per_candidate: float | None) -> RaySettings | None:
    from nas.ray_workers import RaySettings

    if address is not None:
        return RaySettings(address, gpus_per_candidate)
    if gpus_per_candidate is not None:
        raise ConfigError(
            "--gpus-per-candidate needs --ray; without Ray each worker has a GPU of its own"
        )
    return None


def run_search(
    config: SearchConfig,
    out: Path | None,
    *,
    workers: int,
    quiet: bool,
    as_json: bool,
    ray: RaySettings | None = None,
    notes: Sequence[str] = (),
    trust: int = 0,
) -> None:
    """Check, search, save and print.

    notes: lines to say beforehand. trust: networks that the report at the end trains longer.
    """
    from nas.cli.output import print_json
    from nas.cli.search_latency import print_latency
    from nas.cli.search_text import print_result
    from nas.runs.data_record import image_problems
    from nas.runs.records import command_line
    from nas.searching.run import result_document
    from nas.searching.working import execute_search, opened_search

    with opened_search(config, out, command_line(sys.argv[1:])) as (problem, run):
        interrupt_on_sigterm()
        if trust and is_shared(config.storage):
            # Several drivers end at the same time; one report is enough.
            notes = [*notes, f"no trust report by drivers that share: `nas trust {run.folder}`"]
            trust = 0
        say_beforehand(problem, run, workers, ray, notes, trust, quiet)
        result, outcome = execute_search(
            problem,
            run,
            workers=workers,
            ray=ray,
            quiet=quiet,
            interrupted=lambda evaluations: _say_how_to_go_on(run, evaluations),
        )
        if not as_json:
            print_result(problem, result, run, outcome)
            print_latency(problem, result)
        if not quiet:
            for line in image_problems(run.folder):
                click.echo(line, err=True)
        if trust and outcome.stopped == "time is up":
            click.echo(f"no trust report, the time is up: `nas trust {run.folder}`", err=True)
            trust = 0
        added = report_trust(run, trust, workers if ray is None else here(), quiet, as_json)
        if as_json:
            print_json({**result_document(result, run, outcome), **added})


def _say_how_to_go_on(run: Run, evaluations: int) -> NoReturn:
    storage = run.config.storage
    place = run.folder if storage is None else shown_url(storage)
    click.echo(
        f"interrupted after {how_many(evaluations, 'evaluation')}, all saved in {place}; "
        "the same command goes on",
        err=True,
    )
    sys.exit(130)
