"""`nas transfer`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.options import json_option
from nas.cli.training_options import (
    WEIGHTS_PATH,
    device_option,
    recipe_changes,
    recipe_options,
    show_data_notes,
    strict_option,
)

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.training.transfer import Contestant, Protocol


@click.command("transfer")
@click.option("--weights", required=True, type=WEIGHTS_PATH, help="Weights of `nas train`.")
@click.option("--data", "data_names", required=True, multiple=True, help="Images. Repeatable.")
@click.option(
    "--from-scratch", is_flag=True, help="Train the same network without the weights, too."
)
@click.option(
    "--model",
    "models",
    metavar="timm:NAME=FILE",
    multiple=True,
    help="Compare with a model of timm, or ARCH=FILE with a reference network, by safetensors on "
    "your disk. Nothing is downloaded. Repeatable.",
)
@click.option("--recipe", "recipe_name", default="finetune", show_default=True)
@recipe_options
@click.option(
    "--scratch-recipe",
    default="short",
    show_default=True,
    help="For --from-scratch; with as many epochs.",
)
@click.option("--layer-decay", type=float, default=0.75, show_default=True)
@click.option("--resolution", type=click.IntRange(8), help="In px.  [default: the weights']")
@click.option("--seeds", type=click.IntRange(1, 100), default=1, show_default=True)
@device_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where everything goes.  [default: transfer/<network>]",
)
@strict_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
def command(
    weights: Path,
    data_names: tuple[str, ...],
    from_scratch: bool,
    models: tuple[str, ...],
    recipe_name: str,
    epochs: int | None,
    batch: int | None,
    learning_rate: float | None,
    settings: tuple[str, ...],
    scratch_recipe: str,
    layer_decay: float,
    resolution: int | None,
    seeds: int,
    device: str | None,
    out: Path | None,
    strict: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fine-tune WEIGHTS on several data sets in one way, as in the EfficientNet paper's Table 5.

    Stop it at any time: the same command goes on where it was, and what is finished stays. The
    folder holds transfer.md, transfer.csv, transfer.json, and each training's files.

    \b
    nas transfer --weights W --data A --data B --from-scratch
    nas transfer --weights W --data A --model timm:resnet18=resnet18.safetensors

    \b
    --json: ours, weights, weights_digest, protocol (recipe, scratch_recipe, layer_decay,
    resolution, seeds), rows (data, model, kind, top1, top1_sd, top1_standard_error, top5,
    test_images, seeds, params, flops, activations, params_ratio, flops_ratio, difference, seconds,
    toy, resolution), geometric_means, command, folder.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.data.opening import open_data
    from nas.training.devices import chosen_device
    from nas.training.recipe import load_recipe
    from nas.training.transfer import Protocol, contestants

    changes = recipe_changes(epochs, batch, learning_rate, settings)
    recipe = load_recipe(recipe_name, **changes)
    # The rate and the other settings are the fine-tuning's; a training from scratch has its own.
    scratch = load_recipe(scratch_recipe, epochs=recipe.epochs, batch_size=recipe.batch_size)
    chosen_device(device)
    compared = contestants(weights, models, from_scratch=from_scratch)
    assert compared[0].initial is not None
    protocol = Protocol(
        recipe,
        scratch,
        layer_decay,
        resolution or compared[0].initial.spec.resolution,
        tuple(range(seeds)),
    )
    opened = {name: open_data(name, strict=strict) for name in dict.fromkeys(data_names)}
    _compare(
        compared,
        protocol,
        opened,
        out or Path("transfer") / compared[0].label,
        weights=weights,
        device=device,
        quiet=quiet,
        as_json=as_json,
    )


def _compare(
    compared: tuple[Contestant, ...],
    protocol: Protocol,
    opened: dict[str, DataSet],
    folder: Path,
    *,
    weights: Path,
    device: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    from nas.cli.output import print_json
    from nas.runs.records import command_line
    from nas.training.transfer import plan_task, run_task
    from nas.training.transfer_tables import markdown

    written = command_line(sys.argv[1:])
    # Planned before anything is trained: what is refused should not cost an hour first.
    tasks = [
        (name, plan_task(contestant, data, protocol, seed))
        for name, data in opened.items()
        for contestant in compared
        for seed in protocol.seeds
    ]
    labels = data_labels(list(opened))

    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    document: dict[str, Any] = {}
    for name, task in tasks:
        place = task.folder(folder, labels[name])
        if not quiet:
            what = f"{labels[name]}: {task.contestant.label}, seed {task.job.seed}"
            click.echo(what, err=True)
        try:
            result = run_task(
                task, opened[name], place, command=written, quiet=quiet, device=device
            )
        except KeyboardInterrupt:
            click.echo(
                f"interrupted; the state is in {folder}, and the same command goes on", err=True
            )
            sys.exit(130)
        results.setdefault((labels[name], task.contestant.label), []).append(result)
        document = _document(compared, protocol, list(labels.values()), results, weights)
        document |= {"command": written, "folder": str(folder)}
        _save(folder, document)
    if not quiet:
        for data in opened.values():
            show_data_notes(data)
    if as_json:
        print_json(document)
    else:
        click.echo(markdown(document))
        click.echo(f"written: {folder} (transfer.md, transfer.csv, transfer.json)")


def data_labels(names: list[str]) -> dict[str, str]:
    """A short name for each data set: its folder's, numbered where two have the same."""
    labels: dict[str, str] = {}
    for name in names:
        word = name.partition(":")[0].rstrip("/")
        # `sample` is no path, and a folder may be named `.`.
        stem = word if word == "sample" else Path(word).resolve().stem or "data"
        label, number = stem, 1
        while label in labels.values():
            number += 1
            label = f"{stem}-{number}"
        labels[name] = label
    return labels


def _document(
    compared: tuple[Contestant, ...],
    protocol: Protocol,
    labels: list[str],
    results: dict[tuple[str, str], list[dict[str, Any]]],
    weights: Path,
) -> dict[str, Any]:
    from nas.training.transfer_tables import geometric_means, transfer_rows

    rows = transfer_rows(labels, compared, results)
    assert compared[0].initial is not None
    return {
        "ours": compared[0].label,
        "weights": weights.name,
        "weights_digest": compared[0].initial.digest,
        "protocol": protocol.to_dict(),
        "rows": rows,
        "geometric_means": geometric_means(rows, compared),
    }


def _save(folder: Path, document: dict[str, Any]) -> None:
    from nas.files import write_text_atomic
    from nas.training.transfer_tables import csv_text, markdown

    write_text_atomic(folder / "transfer.md", markdown(document))
    write_text_atomic(folder / "transfer.csv", csv_text(document["rows"]))
    write_text_atomic(folder / "transfer.json", json.dumps(document, indent=2) + "\n")
