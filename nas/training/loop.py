"""The one training loop: proxy trainings of a search, final trainings, fine-tuning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import TrainingError
from nas.files import write_text_atomic
from nas.training.checkpoint import identity, read_checkpoint, save_checkpoint
from nas.training.depthwise import fast_depthwise
from nas.training.devices import chosen_device, current, on_device
from nas.training.distributed import Processes, current_processes, synchronised_norms
from nas.training.evaluating import evaluate
from nas.training.interruption import watch_signals
from nas.training.job import LOG
from nas.training.network_settings import apply_settings, freeze, output_classes
from nas.training.pace import SavingPace
from nas.training.recipe import Recipe, scaled_learning_rate
from nas.training.results import DivergedError, EpochReport, Evaluation, TrainingResult, log_text
from nas.training.session import Session
from nas.training.source import PixelSource
from nas.training.strength import at_its_strength
from nas.units import how_many

__all__ = [
    "DivergedError",
    "EpochReport",
    "Evaluation",
    "Observer",
    "StepObserver",
    "TrainingResult",
    "evaluate",
    "train",
]


Observer = Callable[[EpochReport], bool]
"""Called after every epoch; true ends the training there."""

StepObserver = Callable[[int, int, int], None]
"""Called after every step with the steps done, the steps of the training, and images a step."""


def train(
    network: nn.Module,
    train_pixels: PixelSource,
    val_pixels: PixelSource | None,
    recipe: Recipe,
    *,
    resolution: int,
    seed: int,
    device: str | torch.device | None = None,
    folder: Path | None = None,
    observe: Observer | None = None,
    observe_step: StepObserver | None = None,
    evaluate_every: int = 1,
    parameter_groups: Sequence[dict[str, Any]] | None = None,
    frozen: int = 0,
    pretrained: bool = False,
    graphed: bool = True,
) -> TrainingResult:
    """Train `network` in place; it holds the final weights afterwards, on `device`, in evaluation.

    Final are the averaged weights where the recipe averages, with batch-norm statistics taken anew
    where it says so; evaluations in between judge the same.

    resolution: side of the network's input in pixels. seed: of order, augmentation and dropout; the
    network's weights are the caller's. device: None is the best there is. folder: for checkpoints
    and `log.csv`; a training that finds its own checkpoint there goes on from it: to the same
    weights, or on another kind of device with the same schedule and other draws. evaluate_every:
    epochs from one evaluation to the next; the last is always evaluated. parameter_groups: as
    `make_optimizer` has them. frozen: this many stages, and the stem, keep their weights.
    pretrained: the weights have been trained, so no norm is set to zero. graphed: on CUDA, whole
    steps as a CUDA graph where they can be.

    An epoch has as many whole batches as there are images for; what remains is another each epoch.
    Where there are fewer images than `recipe.batch_size`, all are one batch and the learning rate
    is scaled to it. In a group of processes (torchrun), each takes its share of every batch.

    Raises: TrainingError for what cannot be trained, DivergedError for a loss that is not finite,
    KeyboardInterrupt after a signal, with the state saved.
    """
    processes = current_processes()
    where = chosen_device(device)
    _check(network, train_pixels, recipe, processes, evaluate_every)
    recipe = _fitting(recipe, len(train_pixels) // processes.count * processes.count)
    recipe = at_its_strength(recipe)
    known = identity(
        network,
        train_pixels,
        recipe,
        resolution=resolution,
        seed=seed,
        frozen=frozen,
    )
    saved = None if folder is None else read_checkpoint(folder, known)
    apply_settings(network, recipe, fresh=not pretrained and saved is None)
    network.to(where)
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    frozen_parts = freeze(network, frozen)
    cuda = [where] if where.type == "cuda" else []
    with (
        current(where),
        torch.random.fork_rng(devices=cuda),
        synchronised_norms(network, processes, where),
        fast_depthwise(network, where),
        watch_signals(folder is not None) as interruption,
    ):
        session = Session(
            network,
            on_device(train_pixels, where),
            recipe,
            resolution=resolution,
            seed=seed,
            device=where,
            processes=processes,
            groups=parameter_groups,
            frozen=frozen_parts,
            graphed=graphed,
        )
        if saved is not None:
            session.restore(saved)
        judged = None if val_pixels is None else on_device(val_pixels, where)

        def save() -> None:
            if folder is not None and processes.leads:
                save_checkpoint(folder, {"identity": known, **session.state()})

        pace = SavingPace(save)
        try:
            while session.epoch < recipe.epochs and not session.stopped:
                if not session.run_epoch(interruption, observe_step):
                    # Several processes stop at different steps, so that they could not go on
                    # from one: their last whole epoch is what they go on from.
                    if processes.count == 1:
                        pace.now()
                    raise KeyboardInterrupt
                last = session.epoch == recipe.epochs
                due = last or session.epoch % evaluate_every == 0
                if due and judged is not None:
                    session.judge(judged)
                stop = False
                if observe is not None and processes.leads:
                    stop = bool(observe(session.history[-1]))
                session.stopped = processes.agree(stop)
                if folder is not None and processes.leads:
                    write_text_atomic(folder / LOG, log_text(session.history))
                if session.stopped or last or interruption.asked:
                    pace.now()
                else:
                    pace.perhaps()
                if interruption.asked:
                    raise KeyboardInterrupt
            final = session.finish(judged)
        except torch.OutOfMemoryError:
            raise TrainingError(
                f"{where} is out of memory; use a smaller batch_size, fewer pixels or a smaller "
                "network, or end what else runs there"
            ) from None
        finally:
            # What is exported or saved has torch's usual layout.
            network.to(memory_format=torch.contiguous_format)
            for weight in learning:
                weight.requires_grad_(True)
        network.eval()
    return TrainingResult(
        top1=final.top1,
        top5=final.top5,
        val_loss=final.val_loss,
        epochs=session.epoch,
        seconds=session.seconds,
        history=tuple(session.history),
        stopped=session.stopped,
        batch_size=-(-processes.share(recipe.batch_size) // session.step.accumulation),
        accumulation=session.step.accumulation,
    )


def _check(
    network: nn.Module,
    pixels: PixelSource,
    recipe: Recipe,
    processes: Processes,
    evaluate_every: int,
) -> None:
    if len(pixels) < 2:
        raise TrainingError(f"{how_many(len(pixels), 'image')} to train on; at least 2 are needed")
    batch, count = min(recipe.batch_size, len(pixels)), processes.count
    if batch // count < 2:
        shared = f" shared by {count} processes" if count > 1 else ""
        raise TrainingError(
            f"a batch of {how_many(batch, 'image')}{shared} is too small, since batch norm "
            "needs 2 in each process; use a larger batch_size, more images or fewer processes"
        )
    if evaluate_every < 1:
        raise TrainingError(f"evaluate_every is {evaluate_every}; it must be 1 epoch or more")
    known, needed = output_classes(network), len(pixels.classes)
    if known is not None and known != needed:
        raise TrainingError(
            f"the network tells {known} classes apart and the images have {needed}; "
            f"build it with classes={needed}"
        )


def _fitting(recipe: Recipe, images: int) -> Recipe:
    """The recipe for a batch that is not larger than the data."""
    if recipe.batch_size <= images:
        return recipe
    smaller = dataclasses.replace(recipe, batch_size=images)
    rate = scaled_learning_rate(smaller, recipe.learning_rate, recipe.batch_size)
    return dataclasses.replace(smaller, learning_rate=rate)
