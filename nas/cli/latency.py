"""`nas latency`: measure networks here, make tables of a space, measure on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nas.cli.latency_table import script, table
from nas.cli.options import json_option
from nas.units import how_many

if TYPE_CHECKING:
    from nas.latency.measure import Latency


@click.group("latency")
def command() -> None:
    """How long networks take: measured whole, or predicted from a table of measured blocks.

    \b
    nas latency measure efficientnet-b0 mobilenet-v3-large runs/mine
    nas latency table --space mbconv --device onnxruntime -o here.json
    nas search -t 400M --max-latency here.json=20

    A latency is that of one run of the whole batch, in eval mode, without reading or resizing
    images. What it is worth: docs/latency.md. `measure` and `table` take --json; their own help
    names the keys of --json.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped


@command.command("measure")
@click.argument("archs", nargs=-1, required=True, metavar="ARCH...")
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="cpu or cuda (PyTorch; on a GPU as a CUDA graph), or onnxruntime (its CPU provider).",
)
@click.option("--threads", type=int, default=1, show_default=True, help="CPU threads, pinned.")
@click.option("--batch", type=int, default=1, show_default=True, help="Images at once.")
@click.option("--rounds", type=int, default=30, show_default=True, help="Readings of each network.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Stop after so long, and 5 rounds, even if there are rounds left.",
)
@click.option(
    "--clock",
    default="auto",
    show_default=True,
    help="cpu: CPU time of the only thread, which leaves out what other programs did on its core "
    "(auto, with one thread on a CPU). wall: everything (auto elsewhere).",
)
@click.option("--resolution", type=click.IntRange(1), help="Side of the input [each its own], px.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a CSV table.")
@json_option
def measure(
    archs: tuple[str, ...],
    device: str,
    threads: int,
    batch: int,
    rounds: int,
    seconds: float,
    clock: str,
    resolution: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Measure networks on this machine, interleaved: each runs once in every round.

    An ARCH is a reference name, a JSON file, a run or a run's member; also densenet-121 and the
    others that `nas refs` knows by cost, timm:MODEL and torchvision:MODEL (at the side that the
    library's own weights are evaluated at, as in `nas compare`). Weights are random:
    they do not change how long a network takes.

    \b
    Keys of --json: device, batch, load_average, noise_rule, networks: a list with name,
    resolution_px, minimum_ms, median_ms, spread, noisy, noise, rounds, batch, images_per_second,
    clock, layout, device, load_average.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.latency.measure import MeasureSettings, check_device, measure_latencies
    from nas.latency.subjects import find_subject

    settings = MeasureSettings(device, threads, batch, rounds, seconds, clock=clock)
    check_device(device, threads)
    subjects = [find_subject(text, resolution=resolution) for text in archs]
    latencies = measure_latencies(subjects, settings)
    if as_json:
        _print_json(latencies)
    elif as_csv:
        _print_csv(latencies)
    else:
        _print_text(latencies)


command.add_command(table)
command.add_command(script)


def _print_json(latencies: Sequence[Latency]) -> None:
    from nas.cli.output import print_json
    from nas.latency.timing import NOISE_RULE

    first = latencies[0]
    print_json(
        {
            "device": first.device.to_dict(),
            "batch": first.batch,
            "load_average": first.load,
            "noise_rule": NOISE_RULE,
            "networks": [each.to_dict() for each in latencies],
        }
    )


def _print_csv(latencies: Sequence[Latency]) -> None:
    import csv
    import io

    columns = (
        "name",
        "resolution_px",
        "minimum_ms",
        "median_ms",
        "spread",
        "noise",
        "rounds",
        "batch",
        "clock",
        "layout",
    )
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*columns, "device"])
    for each in latencies:
        values = [getattr(each, column) for column in columns]
        writer.writerow([*values, each.device.describe()])
    click.echo(buffer.getvalue(), nl=False)


def _print_text(latencies: Sequence[Latency]) -> None:
    from nas.cli.output import print_table
    from nas.latency.timing import NOISE_RULE

    first = latencies[0]
    load = "" if first.load is None else f", load average {first.load:g}"
    clock = "CPU time of the thread" if first.clock == "cpu" else "wall time"
    click.echo(
        f"measured: {first.device.describe()}; "
        f"{how_many(first.batch, 'image')} a run; {clock}{load}\n"
    )
    print_table(
        ("network", "px", "minimum", "median", "spread", "images/s", "layout", "noise"),
        [
            (
                each.name,
                str(each.resolution_px),
                f"{each.minimum_ms:.2f} ms",
                f"{each.median_ms:.2f} ms",
                f"{each.spread:.0%}",
                f"{each.images_per_second:.1f}",
                each.layout,
                f"noisy: {each.noise}" if each.noisy else "-",
            )
            for each in latencies
        ],
    )
    click.echo(f"\n{first.rounds} interleaved rounds; spread is the median over the minimum.")
    if any(each.noisy for each in latencies):
        click.echo(f"Noisy figures mean little; the rule: {NOISE_RULE}.")
