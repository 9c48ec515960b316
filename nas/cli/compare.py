"""`nas compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli.options import json_option

if TYPE_CHECKING:
    from nas.latency.measure import MeasureSettings

LATENCY_DEVICES = ("cpu", "onnxruntime", "cuda")


@click.command("compare")
@click.argument("networks", metavar="[NETWORK]...", nargs=-1)
@click.option("--baseline", metavar="NETWORK", help="What ratios are of.  [default: the first]")
@click.option("--resolution", type=click.IntRange(1), help="Of all networks, in px.")
@click.option("--data", metavar="DATA", help="Measure the accuracy of weights on its test images.")
@click.option(
    "--weights",
    metavar="[NETWORK=]FILE",
    multiple=True,
    help="Weights to measure: a file of nas train, or NETWORK=FILE under torchvision's or timm's "
    "names. Repeatable.",
)
@click.option("--device", help="Of --data: cpu, cuda or mps.  [default: the best there is]")
@click.option(
    "--latency", type=click.Choice(LATENCY_DEVICES), help="Measure the latency of all on this."
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of latency.")
@click.option(
    "--batch", type=click.IntRange(1), default=1, show_default=True, help="Images of a latency."
)
@click.option(
    "--published",
    is_flag=True,
    help="Add what the EfficientNet paper prints of them, in the groups of its Table 2. Without "
    "any NETWORK: the whole table.",
)
@click.option(
    "--edition",
    default="v5",
    show_default=True,
    help="Of the published accuracies: v5 (arXiv's last text) or icml (the conference's).",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown tables.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the rows, with all digits, as CSV.",
)
@json_option
def command(
    networks: tuple[str, ...],
    baseline: str | None,
    resolution: int | None,
    data: str | None,
    weights: tuple[str, ...],
    device: str | None,
    latency: str | None,
    threads: int,
    batch: int,
    published: bool,
    edition: str,
    as_markdown: bool,
    csv_path: Path | None,
    as_json: bool,
) -> None:
    """Set networks side by side: accuracy, parameters, FLOPs, activations, latency, and ratios.

    \b
    nas compare efficientnet-b0 mobilenet-v3-large resnet-50
    nas compare runs/mine efficientnet-b0 timm:mobilevit_s --latency cpu
    nas compare trained/a trained/b --data DIR
    nas compare efficientnet-b0 resnet-50 densenet-169 --published
    nas compare --published --markdown

    A NETWORK is a reference name (`nas refs`), a JSON file, a run (its best network), a run's
    member (RUN:b3), a weight file or the folder of a training, or a model of timm or torchvision:
    timm:NAME, torchvision:NAME, or NAME alone. Every row says what kind its figures are: counted
    here; accuracies measured here, in training or in the search, or predicted; latencies measured
    here; or published, with the table and the text that prints them.

    \b
    --json: rows (each: group, baseline, network, figures, resolution_px, top1, top1_sd, top5,
    params, params_ratio, flops, flops_ratio, activations, latency_ms, latency_noise, speedup),
    notes. top1 and top5 are fractions. The CSV has the same columns.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.output import print_json, print_table
    from nas.comparison.comparing import CompareSettings, compare_networks
    from nas.comparison.rendering import DEFINITION, csv_text, documents, markdown, shown
    from nas.files import write_text_atomic

    table = compare_networks(
        networks,
        CompareSettings(
            baseline=baseline,
            resolution=resolution,
            data=data,
            weights=weights,
            device=device,
            latency=None if latency is None else _latency_settings(latency, threads, batch),
            published=published,
            edition=edition,
        ),
    )
    if csv_path is not None:
        write_text_atomic(csv_path, csv_text(table))
    if as_json:
        print_json({"rows": documents(table), "notes": list(table.notes)})
        return
    if as_markdown:
        click.echo(markdown(table), nl=False)
        return
    headers, groups = shown(table)
    for title, rows in groups:
        click.echo(title)
        print_table(headers, rows, indent="  ")
        click.echo()
    for note in (*table.notes, DEFINITION):
        click.echo(note)
    if csv_path is not None:
        click.echo(f"written: {csv_path}")


def _latency_settings(device: str, threads: int, batch: int) -> MeasureSettings:
    from nas.latency.measure import MeasureSettings

    return MeasureSettings(device=device, threads=threads, batch=batch)
