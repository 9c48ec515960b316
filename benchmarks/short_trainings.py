"""Do short trainings rank networks, or their luck? Accuracy and its spread over seeds.

    python -m benchmarks.short_trainings --data DIR --resolution 96 --out FILE
    python -m benchmarks.short_trainings --data DIR --resolution 32 --out FILE --small

Table: EfficientNet-B0, twice as deep, 1.4 times as wide, at 1.4 times the pixels, and scaled by
1.2, 1.1 and 1.15, each trained for 5, 15 and 40 epochs with ten seeds by variants of the recipe
`short`: "plain" (no zeroed norms, no average, the classifier as the reference EfficientNet draws
it), "zero" (norms zeroed), "drawn" (and averaged), "short" (the recipe as it is: the classifier's
first logits limited too), "by-length" (and augmented less, the shorter it is, by
`full_augmentation_epochs` 40). All take batch-norm statistics anew before they are judged. A seed
is of the weights, the order, crops and dropout. Ranking: 16 networks drawn from `mbconv-elastic`
within 5 % of the same FLOPs, trained for 15 and for 100 epochs: the rank correlation of the two.
`--small` is for a CPU: MBConv networks of 4 blocks (two at half the input's side, two at a quarter)
and of twice as many, MobileNetV2 for its 1,280 features, 5 epochs, three seeds, no ranking.

DIR is what `nas train --data` takes; accuracy is on its test images. (The learning rate of `short`
was once compared on those of the 2,500-image CIFAR-10, the small study's data: docs/training.md.)
Stops after `--minutes`; started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from scipy.stats import spearmanr

from benchmarks.training.record import MINUTES, Record
from nas.archs import find_network, resized
from nas.cost import network_cost
from nas.data.images import Images
from nas.data.opening import open_data
from nas.data.pixels import Pixels, load_pixels
from nas.data.report import Problems
from nas.data.resolution import stored_px
from nas.model import build
from nas.scaling.transform import scale
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace, fitted_b0
from nas.space import random_network
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.training.loop import train
from nas.training.recipe import Recipe, load_recipe
from nas.training.strength import augmentation_strength

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {"zero_last_norm": False, "limit_first_logits": False, "ema": 0.0},
    "zero": {"limit_first_logits": False, "ema": 0.0},
    "drawn": {"limit_first_logits": False},
    "short": {},
    "by-length": {"full_augmentation_epochs": 40},
}
RANKED = 16
RANKING_EPOCHS = (15, 100)
RANKING_SEEDS = 2


@dataclass(frozen=True)
class Job:
    """One training."""

    part: str
    network: str
    variant: str
    epochs: int
    seed: int

    def settings(self) -> dict[str, Any]:
        """What names its row."""
        return {**vars(self)}


def table_networks(resolution: int, small: bool) -> dict[str, ArchSpec]:
    """The networks of the table, for images of `resolution` pixels."""
    if small:
        few = ArchSpec(
            stem=StemSpec(channels=16, kernel=3, stride=2),
            stages=(_small_stage(16, 1, 2), _small_stage(32, 2, 3)),
            head=HeadSpec(channels=128),
            resolution=resolution,
        )
        mobile = resized(find_network("mobilenet-v2"), resolution=resolution)
        return {"4 blocks": few, "8 blocks": scale(few, depth=2), "MobileNetV2": mobile}
    base = fitted_b0(resolution)
    return {
        "B0": base,
        "depth x 2": scale(base, depth=2),
        "width x 1.4": scale(base, width=1.4),
        "resolution x 1.4": scale(base, resolution=1.4, resolution_multiple=8),
        "1.2, 1.1, 1.15": scale(base, depth=1.2, width=1.1, resolution=1.15, resolution_multiple=2),
    }


def _small_stage(channels: int, stride: int, expand: int) -> StageSpec:
    return StageSpec(
        block="mbconv", channels=channels, layers=2, kernel=3, stride=stride, expand_ratio=expand
    )


def ranked_networks(resolution: int, target_flops: int) -> dict[str, ArchSpec]:
    """The first draws of the space that cost within 5 % of the target."""
    space = MBConvElasticSpace(resolution)
    found: dict[str, ArchSpec] = {}
    for seed in itertools.count():
        arch, _ = random_network(space, seed)
        if abs(network_cost(arch).flops / target_flops - 1) <= 0.05:
            found[f"draw {seed}"] = arch
        if len(found) == RANKED:
            return found
    raise AssertionError


def jobs(
    networks: dict[str, ArchSpec],
    ranked: dict[str, ArchSpec],
    variants: list[str],
    epochs: list[int],
    seeds: int,
) -> Iterator[Job]:
    """All trainings; seed by seed, so that a piece that ends early has some of everything."""
    for seed in range(seeds):
        for many in epochs:
            for variant, network in itertools.product(variants, networks):
                recipe = load_recipe("short", epochs=many, **VARIANTS[variant])
                if recipe.full_augmentation_epochs and augmentation_strength(recipe) == 1.0:
                    continue  # as "short" is
                yield Job("table", network, variant, many, seed)
    for seed, many in itertools.product(range(RANKING_SEEDS), RANKING_EPOCHS):
        for network in ranked:
            yield Job("ranking", network, "short", many, seed)


class Data:
    """Train and test images, decoded once for each resolution."""

    def __init__(self, folder: str, device: torch.device) -> None:
        self.opened = open_data(folder)
        self.device = device
        self._held: dict[int, tuple[Pixels, ...]] = {}

    def at(self, resolution: int) -> tuple[Pixels, ...]:
        """Train and test pixels, on the device."""
        if resolution not in self._held:
            if self.opened.test is None:
                sys.exit(f"{self.opened.name} has no test images to judge on")
            parts = self.opened.train, self.opened.test
            self._held[resolution] = tuple(self._pixels(part, resolution) for part in parts)
        return self._held[resolution]

    def _pixels(self, images: Images, resolution: int) -> Pixels:
        px = stored_px(images, resolution)
        return load_pixels(images, None, px, report=Problems()).to(self.device)


def run(job: Job, arch: ArchSpec, data: Data, recipe: Recipe) -> dict[str, Any]:
    """Train it; accuracy, loss and seconds."""
    train_pixels, test_pixels = data.at(arch.resolution)
    network = build(resized(arch, classes=len(train_pixels.classes)), seed=job.seed)
    result = train(
        network,
        train_pixels,
        test_pixels,
        recipe,
        resolution=arch.resolution,
        seed=job.seed,
        device=data.device,
        evaluate_every=recipe.epochs,
    )
    return {
        "top1": round(result.top1 or 0.0, 5),
        "val_loss": round(result.val_loss or 0.0, 4),
        "train_loss": round(result.history[-1].train_loss, 4),
        "flops": network_cost(arch).flops,
        "seconds": round(result.seconds, 1),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread of every cell, in points, and the ranking's correlation."""
    cells: dict[str, Any] = {}
    table = [row for row in rows if row["part"] == "table"]
    for row in table:
        key = f"{row['epochs']} epochs, {row['network']}, {row['variant']}"
        cells.setdefault(key, []).append(100 * row["top1"])
    told: dict[str, Any] = {
        key: {
            "mean": round(statistics.mean(values), 2),
            "sd": round(statistics.stdev(values), 2) if len(values) > 1 else None,
            "seeds": len(values),
        }
        for key, values in cells.items()
    }
    by_epochs = []
    for epochs in RANKING_EPOCHS:
        ranked: dict[str, list[float]] = {}
        for row in rows:
            if row["part"] == "ranking" and row["epochs"] == epochs:
                ranked.setdefault(row["network"], []).append(row["top1"])
        by_epochs.append({name: statistics.mean(values) for name, values in ranked.items()})
    both = sorted(set(by_epochs[0]) & set(by_epochs[1]))
    if len(both) > 2:
        first, last = ([means[name] for name in both] for means in by_epochs)
        correlation = float(spearmanr(first, last).statistic)
        told["ranking"] = {"networks": len(both), "spearman": round(correlation, 3)}
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", required=True, help="images, as `nas train --data` takes them")
    parser.add_argument("--resolution", type=int, required=True, help="input side in pixels")
    parser.add_argument("--out", type=Path, required=True, help="the figures, a JSON file")
    parser.add_argument("--small", action="store_true", help="the CPU's form")
    parser.add_argument("--epochs", type=int, nargs="+", help="[5 15 40; 5 in the small form]")
    every = list(VARIANTS)
    parser.add_argument("--variants", nargs="+", choices=every, default=every, help="[all]")
    parser.add_argument("--seeds", type=int, help="[10; 3 in the small form]")
    parser.add_argument("--batch", type=int, help="images a step [the recipe's; 64 in the small]")
    parser.add_argument("--target-flops", type=int, default=20_000_000, help="of the ranked")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="stop before this long")
    arguments = parser.parse_args()
    small = arguments.small
    if small:
        torch.set_num_threads(1)
    if not small and not torch.cuda.is_available():
        sys.exit("there is no CUDA GPU here; --small is the form for a CPU")
    device = torch.device("cpu" if small else "cuda:0")
    data = Data(arguments.data, device)
    epochs = arguments.epochs or ([5] if small else [5, 15, 40])
    seeds = arguments.seeds or (3 if small else 10)
    batch = arguments.batch or (64 if small else None)
    plan = {
        "form": "CPU small" if small else "full",
        "data": data.opened.fingerprint[:16],
        "resolution": arguments.resolution,
        "batch": batch,
        "target_flops": arguments.target_flops,
    }
    shown = [word if word != arguments.data else "DIR" for word in sys.argv[1:]]
    record = Record(arguments.out, "benchmarks.short_trainings", shown, **plan)
    record.document.update(epochs=epochs, seeds=seeds, images=len(data.opened.train))
    networks = table_networks(arguments.resolution, small)
    ranked = {} if small else ranked_networks(arguments.resolution, arguments.target_flops)
    stop = time.monotonic() + 60 * arguments.minutes
    longest: dict[int, float] = {}
    for job in jobs(networks, ranked, arguments.variants, epochs, seeds):
        if record.has(job.settings()):
            continue
        if time.monotonic() + 1.3 * longest.get(job.epochs, 10.0) > stop:
            print("the rest is for the next piece: start it again", flush=True)
            return
        recipe = load_recipe("short", epochs=job.epochs, batch_size=batch, **VARIANTS[job.variant])
        arch = (networks if job.part == "table" else ranked)[job.network]
        began = time.monotonic()
        row = {**job.settings(), **run(job, arch, data, recipe)}
        longest[job.epochs] = max(longest.get(job.epochs, 0.0), time.monotonic() - began)
        record.document["summary"] = summary([*record.rows, row])
        record.add(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
