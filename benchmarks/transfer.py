"""What trained weights are worth on other images: fine-tuned against from scratch.

    python -m benchmarks.transfer --packs DIR --out FOLDER [--small] [--minutes 9]

DIR holds image packs (`NAME-train.npz` and their reader imgpack.py). A network is trained on
mini-ImageNet at 64 px (`nas train`) and fine-tuned on Imagenette and Caltech-20 beside the same
network from scratch (`nas transfer --from-scratch`), as `nas` alone would do it. It stops by itself
after `--minutes` with exit code 3, and goes on where it was when it is started again; 0 says that
all is done, and the results are then in docs/results/transfer.md and .json.

`--small` is the CPU form (about four minutes of one core): a subset of 40 classes, a small network,
short trainings, Caltech-20 only; its results are in docs/results/transfer_small.md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training.packs import unpack
from nas.files import make_folder, write_text_atomic

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
UNFINISHED = 3
_SECONDS_TO_END = 60


@dataclass(frozen=True)
class Plan:
    """classes, per_class: how much of mini-ImageNet is used. epochs: of its training."""

    network: str
    classes: int
    per_class: int
    epochs: int
    transfer_epochs: int
    seeds: int
    targets: tuple[str, ...]
    device: str
    results: str


FULL = Plan(
    "efficientnet-b0", 100, 250, 100, 40, 5, ("imagenette128", "caltech20-mini64"), "", "transfer"
)
SMALL = Plan(
    "mobilenet-v3-small", 40, 250, 8, 20, 2, ("caltech20-mini64",), "cpu", "transfer_small"
)
SOURCE = "miniimagenet64-lite"


def commands(plan: Plan) -> list[list[str]]:
    """The commands of a plan, in the order in which they are given."""
    device = ["--device", plan.device] if plan.device else []
    data = [word for target in plan.targets for word in ("--data", f"data/{target}")]
    train = ["train", plan.network, "--data", f"data/{SOURCE}", "--epochs", str(plan.epochs)]
    transfer = ["transfer", "--weights", "source/weights.safetensors", *data, "--from-scratch"]
    transfer += ["--epochs", str(plan.transfer_epochs), "--seeds", str(plan.seeds)]
    return [
        [*train, "--resolution", "64", *device, "--out", "source"],
        [*transfer, *device, "--out", "transfer"],
    ]


def run(command: list[str], folder: Path, deadline: float) -> None:
    """Give one command; at the deadline it is asked to end, and goes on in the next piece."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-m", "nas", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        code = process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=_SECONDS_TO_END)
        sys.exit(UNFINISHED)
    if code:
        sys.exit(f"nas {' '.join(command)} ended with {code}")


def save_results(plan: Plan, folder: Path) -> None:
    """The comparison with what it was measured by."""
    source = json.loads((folder / "source" / "result.json").read_text())
    document = json.loads((folder / "transfer" / "transfer.json").read_text())
    text = (folder / "transfer" / "transfer.md").read_text()
    title, _, rest = text.partition("\n")
    where = "CPU, small: it shows that the way works, not what the method can do. " * (
        plan is SMALL
    )
    about = (
        f"{where}Written by `python -m benchmarks.transfer --packs DIR --out FOLDER"
        f"{' --small' if plan is SMALL else ''}`. The weights: {source['name']} at "
        f"{source['resolution']} px, {source['epochs']} epochs of {source['train_images']:,} "
        f"images of {plan.classes} mini-ImageNet classes, top-1 "
        f"{100 * source['accuracy']['top1']:.2f} % on {source['accuracy']['images']:,} test "
        f"images; {source['seconds']:.0f} s at {source['images_per_second']:,.0f} images/s."
    )
    seconds = sum(row["seconds"] for row in document["rows"])
    commands_text = "".join(f"nas {' '.join(command)}\n" for command in commands(plan))
    written = f"\nAll transfers took {seconds:.0f} s.\n\n```\n{commands_text}```\n"
    write_text_atomic(RESULTS / f"{plan.results}.md", f"{title}\n\n{about}\n{rest}{written}")
    kept = ("name", "resolution", "accuracy", "cost", "recipe", "epochs", "train_images", "seconds")
    document["source"] = {key: source[key] for key in (*kept, "images_per_second", "versions")}
    write_text_atomic(
        RESULTS / f"{plan.results}.json", json.dumps(document, indent=2, sort_keys=True) + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--minutes", type=float, default=9.0)
    arguments = parser.parse_args()
    deadline = time.monotonic() + 60 * arguments.minutes
    plan = SMALL if arguments.small else FULL
    folder = arguments.out
    make_folder(folder)
    packs = arguments.packs.resolve()
    unpack(packs, SOURCE, folder / "data" / SOURCE, plan.classes, plan.per_class)
    for target in plan.targets:
        unpack(packs, target, folder / "data" / target)
    for command in commands(plan):
        run(command, folder, deadline)
    save_results(plan, folder)
    print((RESULTS / f"{plan.results}.md").read_text())


if __name__ == "__main__":
    main()
