"""`nas predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from nas.cli.options import json_option
from nas.cli.training_options import WEIGHTS_PATH, device_option

UNREADABLE = 2
"""Exit code where some images could not be read; the others are answered all the same."""


@click.command("predict")
@click.argument("weights_path", metavar="WEIGHTS", type=WEIGHTS_PATH)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Classes shown.")
@device_option
@json_option
def command(
    weights_path: Path, images: tuple[str, ...], top: int, device: str | None, as_json: bool
) -> None:
    """The likeliest classes of each IMAGE, by the WEIGHTS that `nas train` wrote.

    Nothing else is needed: spec, class names and resolution are in the weights. An image that
    cannot be read is one line on stderr; the others go on, and the exit code is 2 at the end.

    \b
    --json: weights, name, toy, images: a list with image and either classes (a list of class and
    probability, the likeliest first) or error.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.output import print_json
    from nas.training.devices import chosen_device
    from nas.training.predict import Unreadable, predict
    from nas.training.weights import load_weights

    chosen_device(device)
    weights = load_weights(weights_path)
    toy = bool(weights.record("toy"))
    if toy:
        click.echo("nas: these weights were trained on the sample: a toy", err=True)
    rows: list[dict[str, Any]] = []
    failed = 0
    width = max(map(len, images))
    for outcome in predict(weights, images, top=top, device=device):
        if isinstance(outcome, Unreadable):
            failed += 1
            click.echo(f"nas: {outcome.image}: {outcome.reason}", err=True)
            rows.append({"image": outcome.image, "error": outcome.reason})
            continue
        likeliest = [{"class": name, "probability": share} for name, share in outcome.classes]
        rows.append({"image": outcome.image, "classes": likeliest})
        if not as_json:
            shown = ", ".join(f"{name} {100 * share:.1f} %" for name, share in outcome.classes)
            click.echo(f"{outcome.image.ljust(width)}  {shown}")
    if as_json:
        print_json(
            {"weights": str(weights_path), "name": weights.spec.name, "toy": toy, "images": rows}
        )
    if failed:
        sys.exit(UNREADABLE)
