"""`nas train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

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
    from nas.training.plan import Plan


@click.command("train")
@click.argument("arch", required=False)
@click.option("--data", required=True, metavar="DATA", help="Images; `sample` needs none.")
@click.option(
    "--recipe",
    "recipe_name",
    metavar="NAME|FILE.toml",
    help="short, paper, timm, cifar, finetune or a file.  [default: short; finetune with --from]",
)
@recipe_options
@click.option("--seed", type=int, default=0, show_default=True, help="Weights, order, crops.")
@click.option(
    "--resolution",
    type=click.IntRange(8),
    help="Side of the input in px.  [default: the network's own; for a reference network the "
    "images', where they are smaller than 224 px]",
)
@device_option
@click.option(
    "--val",
    "on_search_val",
    is_flag=True,
    help="Train on search-train and measure on search-val; test images are not looked at.",
)
@click.option(
    "--holdout",
    type=float,
    default=0.0,
    metavar="FRACTION",
    help="Keep this part of the training images out, and measure it after every epoch.  [0]",
)
@click.option(
    "--from",
    "from_path",
    type=WEIGHTS_PATH,
    metavar="WEIGHTS",
    help="Start from a safetensors file: of `nas train`, or torchvision's or timm's for ARCH.",
)
@click.option(
    "--norm-eps",
    type=float,
    help="Batch norm's eps of torchvision's or timm's weights, if not their usual one "
    "(timm's tf_ models: 0.001).",
)
@click.option(
    "--freeze",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="With --from: the stem and the first N stages stay as they are.  [0]",
)
@click.option(
    "--layer-decay",
    type=float,
    help="Learning rate of a layer over the next one's, from head to stem.  [1; 0.75 with --from]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where everything goes.  [default: trained/<network>-<data>]",
)
@strict_option
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
@json_option
def command(
    arch: str | None,
    data: str,
    recipe_name: str | None,
    epochs: int | None,
    batch: int | None,
    learning_rate: float | None,
    settings: tuple[str, ...],
    device: str | None,
    from_path: Path | None,
    norm_eps: float | None,
    out: Path | None,
    strict: bool,
    quiet: bool,
    as_json: bool,
    **choices: Any,
) -> None:
    """Train ARCH on images, on all training images, and measure it once on the test images.

    ARCH is a reference name, a JSON file, a run (its best network) or a run's member (RUN:b3);
    without it, the network of --from, or the newest run's best. It gets as many classes as the
    data have. Stop it at any time: the same command goes on where it was; one with other settings
    takes another folder. The folder holds weights.safetensors, result.json and log.csv.

    \b
    nas train efficientnet-b0 --data sample --epochs 3
    nas train RUN:b3 --data DIR --recipe timm
    nas train --from trained/b0-A/weights.safetensors --data B --freeze 3
    torchrun --nproc-per-node 4 -m nas train ARCH --data DIR

    \b
    --json: name, digest, spec, cost (flops, params, activations), resolution, accuracy (top1,
    top1_standard_error, top5, loss, images, measured_on), toy, epochs, seconds,
    images_per_second, batch_size, accumulation, seed, freeze, layer_decay, recipe, data, initial,
    train_images, weights, weights_digest, folder, command, versions.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.data.duplicates import report_duplicates
    from nas.data.opening import open_data
    from nas.training.devices import chosen_device
    from nas.training.distributed import joined
    from nas.training.recipe import load_recipe
    from nas.training.settings import network_to_train, plan_of_settings

    changes = recipe_changes(epochs, batch, learning_rate, settings)
    recipe = load_recipe(recipe_name or ("finetune" if from_path else "short"), **changes)
    chosen_device(device)
    spec, initial, own_resolution = network_to_train(arch, from_path, norm_eps, _note)
    opened = open_data(data, strict=strict)
    report_duplicates(opened, opened.problems)
    plan = plan_of_settings(spec, initial, own_resolution, opened, recipe, _note, **choices)
    with joined(device) as processes:
        _train(
            plan,
            opened,
            out,
            device=device,
            leads=processes.leads,
            quiet=quiet or not processes.leads,
            as_json=as_json,
        )


def _note(line: str) -> None:
    click.echo(f"nas: {line}", err=True)


def _train(
    plan: Plan,
    data: DataSet,
    out: Path | None,
    *,
    device: str | None,
    leads: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from nas.cli.output import print_json
    from nas.cli.train_text import print_training
    from nas.runs.records import command_line
    from nas.training.job import choose_training_folder
    from nas.training.working import train_in_folder

    folder = out or choose_training_folder(plan.job)
    try:
        trained = train_in_folder(
            plan,
            data,
            folder,
            command=command_line(sys.argv[1:]),
            device=device,
            leads=leads,
            quiet=quiet,
        )
    except KeyboardInterrupt:
        _say_how_to_go_on(folder)
    result = trained.result
    if not leads or result is None:
        return
    if not quiet:
        show_data_notes(data)
    if as_json:
        print_json({**result, "folder": str(folder)})
    else:
        print_training(result, folder, already=trained.already)


def _say_how_to_go_on(folder: Path) -> NoReturn:
    click.echo(f"interrupted; the state is in {folder}, and the same command goes on", err=True)
    sys.exit(130)
