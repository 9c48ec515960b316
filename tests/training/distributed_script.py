"""Trains in the group of processes that started it, and writes what the leader found.

    python distributed_script.py FOLDER [KILLED_EPOCH] [stream]

With KILLED_EPOCH, the second process ends itself without a word after that epoch, once; 0 is never.
stream: images are decoded as they are needed, and some cannot be.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from learnable import coloured_squares
from torch import nn

from nas.data.arrays import ArrayImages
from nas.data.images import Decoded, ImageError
from nas.data.pixels import Pixels
from nas.data.report import Problems
from nas.data.streaming import StreamedPixels
from nas.training.distributed import joined
from nas.training.loop import train
from nas.training.recipe import load_recipe
from nas.training.source import PixelSource

RECIPE: dict[str, Any] = {"epochs": 4, "batch_size": 32, "random_erasing": 0.3}
# All in a row, so that a batch of one process can have more of them than another's.
UNREADABLE = range(40, 59)


def plain_network() -> nn.Module:
    """Without batch norm, so that a part of a batch computes what the whole one does."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.GroupNorm(2, 8),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 4),
        )


class PartlyUnreadable(ArrayImages):
    """Images of which some cannot be decoded."""

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        if index in UNREADABLE:
            raise ImageError(self.name(index), "unreadable", "gone")
        return super().decode(index, at_least_px)


def streamed(pixels: Pixels) -> StreamedPixels:
    """The same images from a stream."""
    arrays = pixels.images.permute(0, 2, 3, 1).numpy()
    images = PartlyUnreadable("squares", pixels.classes, arrays, pixels.labels.numpy())
    return StreamedPixels(images, None, pixels.px, report=Problems(), workers=0)


def main() -> None:
    folder = Path(sys.argv[1])
    killed_epoch = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    torch.set_num_threads(1)
    network = plain_network()
    images: PixelSource = coloured_squares(96)
    others = coloured_squares(41, seed=1)
    if "stream" in sys.argv:
        images = streamed(coloured_squares(96))
    recipe = load_recipe("short", **RECIPE)
    with joined() as processes:
        steps_per_epoch = len(images) // recipe.batch_size

        steps_done = [0]

        def perhaps_die(done: int, steps: int, size: int) -> None:
            steps_done.append(done)
            marker = folder / "killed"
            last = killed_epoch * steps_per_epoch + 1
            if processes.rank == 1 and killed_epoch and done == last and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)

        result = train(
            network,
            images,
            others,
            recipe,
            resolution=16,
            seed=0,
            device="cpu",
            folder=folder if killed_epoch else None,
            observe_step=perhaps_die,
        )
        if processes.leads:
            found = {
                "processes": processes.count,
                "losses": [report.train_loss for report in result.history],
                "val_losses": [report.val_loss for report in result.history],
                "top1": result.top1,
                "steps": max(steps_done),
                "batch_size": result.batch_size,
                "weights": [w.detach().flatten()[:9].tolist() for w in network.parameters()],
            }
            (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
