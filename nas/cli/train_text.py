"""How `nas train` and `nas eval` print what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nas.units import format_count, format_duration, how_many


def accuracy_text(accuracy: dict[str, Any] | None, classes: int) -> str:
    """In one line: top-1 81.2 ± 0.6 %, top-5 98.2 % on 3,925 test images of DIR."""
    if accuracy is None:
        return "accuracy not measured: the data have no test images"
    figures = f"top-1 {100 * accuracy['top1']:.2f} ± {100 * accuracy['top1_standard_error']:.2f} %"
    # Five guesses among five classes are always right.
    if classes > 5:
        figures += f", top-5 {100 * accuracy['top5']:.2f} %"
    return f"{figures} on {accuracy['measured_on']}"


def print_training(result: dict[str, Any], folder: Path, *, already: bool) -> None:
    """The network, how it was trained, what was measured and where everything is."""
    cost, recipe = result["cost"], result["recipe"]
    classes = len(result["data"]["classes"])
    click.echo(
        f"{result['name']} at {result['resolution']} px, {classes} classes: "
        f"{format_count(cost['flops'])} FLOPs, {format_count(cost['params'])} parameters"
    )
    initial = result["initial"]
    start = "" if initial is None else f", from {initial['source']}"
    # With fewer images than a batch, the loop takes all of them and the rate that goes with that.
    rate_text = f"{recipe['learning_rate']:.4g}"
    if result["train_images"] < recipe["batch_size"]:
        rate_text += f" (scaled to {result['train_images']} images a step)"
    click.echo(
        f"recipe {recipe['name']}: {how_many(result['epochs'], 'epoch')} of "
        f"{how_many(result['train_images'], 'image')}, "
        f"batch {recipe['batch_size']}, {recipe['optimizer']} at {rate_text}, "
        f"seed {result['seed']}{start}"
    )
    click.echo(accuracy_text(result["accuracy"], classes))
    rate = result["images_per_second"]
    speed = "" if rate is None else f", {rate:,.0f} images/s"
    done = "trained before with the same settings" if already else "trained"
    click.echo(f"{done} in {format_duration(result['seconds'])}{speed}")
    click.echo(f"written: {folder / result['weights']} (result.json, log.csv)")
