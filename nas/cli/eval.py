"""`nas eval`."""

from __future__ import annotations

from pathlib import Path

import click

from nas.cli.options import json_option
from nas.cli.training_options import (
    WEIGHTS_PATH,
    device_option,
    show_data_notes,
    strict_option,
)


@click.command("eval")
@click.argument("weights_path", metavar="WEIGHTS", type=WEIGHTS_PATH)
@click.option("--data", required=True, metavar="DATA", help="Images of the same classes.")
@device_option
@strict_option
@json_option
def command(weights_path: Path, data: str, device: str | None, strict: bool, as_json: bool) -> None:
    """Measure WEIGHTS on the test images of the data, as `nas train` did at its end.

    The data must have the classes that the weights were trained for, in whatever order.

    \b
    --json: weights, name, digest, resolution, accuracy (top1, top1_standard_error, top5, loss,
    images, measured_on), recorded (the same, as measured in training), toy, data (name,
    fingerprint, problems).
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.cli.output import print_json
    from nas.cli.train_text import accuracy_text
    from nas.data.opening import open_data
    from nas.training.devices import chosen_device
    from nas.training.measure import measure
    from nas.training.weights import load_weights

    chosen_device(device)
    weights = load_weights(weights_path)
    opened = open_data(data, strict=strict)
    accuracy = measure(weights, opened, device=device)
    recorded = weights.record("accuracy")
    show_data_notes(opened)
    if as_json:
        print_json(
            {
                "weights": str(weights_path),
                "name": weights.spec.name,
                "digest": weights.spec.digest(),
                "resolution": weights.spec.resolution,
                "accuracy": accuracy,
                "recorded": recorded,
                "toy": opened.toy,
                "data": {
                    "name": opened.name,
                    "fingerprint": opened.fingerprint,
                    "problems": opened.problems.as_dict(),
                },
            }
        )
        return
    classes = len(weights.classes)
    click.echo(f"{weights.spec.name or weights.spec.digest()} at {weights.spec.resolution} px")
    click.echo(accuracy_text(accuracy, classes))
    if recorded:
        click.echo(f"recorded in training: {accuracy_text(recorded, classes)}")
