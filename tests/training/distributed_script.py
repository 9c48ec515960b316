"""Trains in the group of processes that started it, and writes what the leader found.

    python distributed_script.py FOLDER [KILLED_EPOCH]

With KILLED_EPOCH, the second process ends itself without a word after that epoch, once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch
from conftest import coloured_squares
from torch import nn

from nas.training.distributed import joined
from nas.training.loop import train
from nas.training.recipe import load_recipe


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


def main() -> None:
    folder = Path(sys.argv[1])
    killed_epoch = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    torch.set_num_threads(1)
    network = plain_network()
    images, others = coloured_squares(96), coloured_squares(41, seed=1)
    recipe = load_recipe("short", epochs=4, batch_size=32, random_erasing=0.3)
    with joined() as processes:
        steps_per_epoch = len(images) // recipe.batch_size

        def perhaps_die(done: int, steps: int, size: int) -> None:
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
                "batch_size": result.batch_size,
                "weights": [w.detach().flatten()[:9].tolist() for w in network.parameters()],
            }
            (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
