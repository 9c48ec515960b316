"""`nas latency table` and `nas latency script`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nas.cli.options import COUNT, json_option, size_options
from nas.latency.work import PASSES, ROUNDS

if TYPE_CHECKING:
    from nas.latency.table import LatencyTable

Function = TypeVar("Function", bound=Callable[..., Any])


def work_options(function: Function) -> Function:
    """What decides which blocks and networks are measured."""
    for option in (
        click.option("--seed", type=int, default=0, show_default=True, help="Of the networks."),
        click.option("--batch", type=click.IntRange(1), default=1, show_default=True),
        click.option(
            "--target-flops",
            "-t",
            type=COUNT,
            help="Fit and check on networks near this cost [any of the space].",
        ),
        click.option("--space", default="mbconv", show_default=True, help="See `nas spaces`."),
    ):
        function = option(function)
    return size_options(function)


def pace_options(function: Function) -> Function:
    """How long a table is measured."""
    for name, default, text in (
        ("--rounds", ROUNDS, "Interleaved readings of an item in a pass."),
        ("--passes", PASSES, "Times that all items are measured."),
        ("--threads", 1, "CPU threads, pinned."),
    ):
        option = click.option(name, type=int, default=default, show_default=True, help=text)
        function = option(function)
    return function


@click.command("table")
@work_options
@click.option(
    "--device",
    default="onnxruntime",
    show_default=True,
    help="onnxruntime (its CPU provider), or cpu or cuda (PyTorch).",
)
@pace_options
@click.option(
    "--from",
    "results_path",
    type=click.Path(path_type=Path),
    metavar="RESULTS",
    help="Measure nothing: fit the results that the stand-alone script wrote on another machine.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="The table: a JSON file."
)
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
def table(
    space: str,
    device: str,
    threads: int,
    passes: int,
    rounds: int,
    results_path: Path | None,
    out: Path,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Measure a space's blocks once, so that any of its networks can be predicted.

    Each distinct block, stem and head is measured alone, and 80 random networks whole: 40 to fit
    what blocks cost together, 40 to check the predictions on. A space with more than 400 distinct
    blocks has 400 of them measured, and a model of the cost of layers tells the others.

    All readings go to OUT.results.json as they come; the same command goes on there. The table
    is for `nas search --max-latency OUT=MS` and `--objectives accuracy,latency:OUT`.

    \b
    Keys of --json: table, space, resolution, batch, device, parts, distinct_parts, model_error,
    overheads, conditions, check (networks, median_error, largest_error, kendall_tau, bias).
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.latency.fitting import read_results, table_of
    from nas.latency.table import write_table

    if results_path is None:
        results_path = out.with_name(out.name + ".results.json")
        _measure(results_path, space, device, threads, passes, rounds, quiet, settings)
    found = table_of(read_results(results_path))
    write_table(out, found)
    if as_json:
        _print_json(out, found)
    else:
        _print_text(out, found)


@click.command("script")
@work_options
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The script; its work file is written beside it, as NAME.work.json.",
)
def script(space: str, out: Path, **settings: Any) -> None:
    """Write a script that measures a table on another machine, without nas.

    Take the script and its work file there; it needs Python 3.10, numpy, and onnxruntime or torch.
    Bring the results back to `nas latency table --from RESULTS`.
    """
    from nas.files import write_text_atomic
    from nas.latency.script import script_text

    work_path = out.with_suffix(".work.json")
    _write_work(work_path, _work(space, settings))
    write_text_atomic(out, script_text())
    name = work_path.name
    click.echo(
        f"Wrote {out} and {work_path}. On the other machine:\n"
        f"  python {out.name} {name} --device onnxruntime -o results.json\n"
        "and here, with its results:\n"
        "  nas latency table --from results.json -o TABLE.json"
    )


def _work(space: str, settings: dict[str, Any]) -> dict[str, Any]:
    from nas.latency.plan import make_work, sized_space

    size = {name: settings[name] for name in ("resolution", "classes", "in_channels")}
    return make_work(
        sized_space(space, **size),
        batch=settings["batch"],
        target_flops=settings["target_flops"],
        seed=settings["seed"],
    )


def _write_work(path: Path, work: dict[str, Any]) -> None:
    import json

    from nas.files import write_text_atomic

    write_text_atomic(path, json.dumps(work) + "\n")


def _measure(
    path: Path,
    space: str,
    device: str,
    threads: int,
    passes: int,
    rounds: int,
    quiet: bool,
    settings: dict[str, Any],
) -> None:
    from nas.errors import one_line
    from nas.files import make_folder
    from nas.latency.errors import LatencyError
    from nas.latency.measure import check_device
    from nas.latency.work import measure_work

    check_device(device, threads)
    if min(passes, rounds) < 1:
        raise LatencyError(f"--passes {passes} and --rounds {rounds} must be at least 1")
    work = _work(space, settings)
    make_folder(path.resolve().parent)

    def progress(done: int, groups: int) -> None:
        if not quiet:
            click.echo(f"\rmeasured {done} of {groups} groups", err=True, nl=done == groups)

    try:
        measure_work(
            work,
            path,
            device=device,
            threads=threads,
            passes=passes,
            rounds=rounds,
            progress=progress,
        )
    except (ValueError, OSError) as error:
        raise LatencyError(str(error)) from None
    except RuntimeError as error:
        raise LatencyError(f"a block does not run on {device}: {one_line(error)}") from error


def _print_json(out: Path, table: LatencyTable) -> None:
    from nas.cli.output import print_json

    content = table.to_dict()
    del content["model"], content["networks"], content["schema"], content["what"]
    print_json({"table": str(out), **content, "parts": len(table.parts)})


def _print_text(out: Path, table: LatencyTable) -> None:
    from nas.latency.table import describe_table

    for line in describe_table(table):
        click.echo(line)
    click.echo(f"\nWrote {out}; use it as `nas search -t T --max-latency {out}=MS`.")
