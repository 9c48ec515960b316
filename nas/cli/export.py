"""`nas export`: a network as files that need no `nas`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli.options import json_option, size_options
from nas.cli.output import print_json

if TYPE_CHECKING:
    from nas.export.exporting import Export
    from nas.export.subject import Subject

TARGETS = ("pytorch", "timm", "torchvision", "onnx", "weights")
"""As `nas.export.exporting.TARGETS`, which imports torch."""


@click.command("export")
@click.argument("network", metavar="ARCH|WEIGHTS")
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="What to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder to write; NAME-TARGET here where absent. An earlier export of the same network "
    "to the same target is replaced, anything else is refused.",
)
@click.option(
    "--from",
    "initial",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Weights for ARCH: a safetensors file under torchvision's or timm's names, or our own.",
)
@click.option(
    "--norm-eps",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Batch norm's eps of --from FILE, where it is not the library's usual one "
    "(timm's tf_ models: 0.001).",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Seed of the random weights where there are no others.  [default: 0]",
)
@size_options
@json_option
def command(
    network: str,
    target: str,
    out: Path | None,
    initial: Path | None,
    norm_eps: float | None,
    seed: int | None,
    resolution: int | None,
    classes: int | None,
    in_channels: int | None,
    as_json: bool,
) -> None:
    """Write ARCH or WEIGHTS as files that load without nas.

    WEIGHTS is a weight file of `nas train`, or the folder that holds it; ARCH is a reference name
    (efficientnet-b0), a JSON file, a run (its best network) or a run's member (RUN:b3), which has
    random initial weights unless --from gives others. Targets: pytorch (one readable model.py that
    needs torch alone), timm (a block-string definition, registered), torchvision (its EfficientNet,
    MobileNet or ResNet class), onnx (any batch size), weights (a file for nas itself). Every export
    ends with a check: the written files must give the network's logits on random images, or
    nothing is written and the exit code is 2.

    Keys of --json: name, digest, target, folder, files (name: what it is for), trained, weights,
    notes, parity: largest_difference, largest_logit, allowed, images,
    float32_rounding (null where the tolerance alone was enough).
    """
    from nas.export.description import parity_document
    from nas.export.exporting import export
    from nas.export.subject import Sizes, find_subject

    subject = find_subject(
        network,
        sizes=Sizes(resolution=resolution, classes=classes, in_channels=in_channels),
        seed=seed,
        initial=initial,
        norm_eps=norm_eps,
    )
    done = export(subject, target, out)
    if as_json:
        document: dict[str, Any] = {
            "name": subject.name,
            "digest": subject.spec.digest(),
            "target": target,
            "folder": str(done.folder),
            "files": dict(done.files),
            "trained": subject.trained,
            "weights": subject.weights,
            "notes": list(done.notes),
            "parity": parity_document(done.parity),
        }
        print_json(document)
        return
    _print(subject, done)


def _print(subject: Subject, done: Export) -> None:
    label = subject.weights if subject.trained else f"untrained: {subject.weights}"
    click.echo(f"{subject.name} as {done.target} in {done.folder} ({label})")
    width = max(map(len, done.files))
    for name, purpose in done.files.items():
        click.echo(f"  {name.ljust(width)}  {purpose}")
    for note in done.notes:
        click.echo(f"note: {note}")
    parity = done.parity
    rounding = "" if parity.rounding is None else f"; float32 rounding {parity.rounding:.2g}"
    click.echo(
        f"parity: logits differ by at most {parity.difference:.2g} on {parity.images} random "
        f"images (allowed {parity.allowed:.2g}; largest logit {parity.largest_logit:.3g}{rounding})"
    )
