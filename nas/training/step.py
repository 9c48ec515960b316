"""One step of a training: augment, forward, backward, update.

The same function runs eagerly and inside a CUDA graph (`graphed`): it waits for nothing and keeps
its loss on the device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import TrainingError
from nas.training.augment import Augmentation
from nas.training.devices import autocast
from nas.training.distributed import Processes
from nas.training.mixing import Mixing
from nas.training.recipe import Recipe


class TrainingStep:
    """Trains `network` on one batch a call; the call returns the batch's mean loss, a tensor.

    network: what is called, over several processes the wrapped one. generator: lives on the
    device and draws crops; host_generator: on the CPU, for what draws there.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        augmentation: Augmentation,
        *,
        device: torch.device,
        classes: int,
        generator: torch.Generator,
        host_generator: torch.Generator,
        processes: Processes | None = None,
    ) -> None:
        self.network, self.optimizer, self.recipe = network, optimizer, recipe
        self.augmentation, self.device = augmentation, device
        self.mixing = Mixing(recipe, classes) if recipe.mixup or recipe.cutmix else None
        self.generator, self.host_generator = generator, host_generator
        self.processes = processes or Processes()
        self.learning = [w for group in optimizer.param_groups for w in group["params"]]
        self.accumulation = 1

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Stored uint8 (B, 3, px, px) and labels (B,), this process's share of the batch."""
        prepared, targets = self.prepare(images, labels)
        try:
            return self.update(prepared, targets)
        except torch.OutOfMemoryError:
            # Batch norm needs two images in each half.
            if self.accumulation > 1 or len(images) < 4 or self.processes.count > 1:
                raise TrainingError(self._too_large(len(images))) from None
        # Outside of the handler: the error keeps what filled the memory alive.
        self.accumulation = 2
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            return self.update(prepared, targets)
        except torch.OutOfMemoryError:
            raise TrainingError(self._too_large(len(images))) from None

    def prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Augmented float images, and targets: labels, or shares of the classes where mixed."""
        count, rank = self.processes.count, self.processes.rank
        own = len(images)
        draws = self.augmentation.draw(own * count, self.device, self.generator)
        if count > 1:
            draws = draws.part(rank * own, (rank + 1) * own)
        prepared = self.augmentation.apply(images, draws, self.host_generator)
        targets = labels
        if self.mixing is not None:
            prepared, targets = self.mixing.apply(prepared, labels, self.host_generator)
        if self.recipe.channels_last:
            prepared = prepared.contiguous(memory_format=torch.channels_last)
        return prepared, targets

    def update(self, images: Tensor, targets: Tensor) -> Tensor:
        """One update of the weights by prepared images, in `accumulation` equal parts."""
        self.optimizer.zero_grad(set_to_none=True)
        total: Any = 0.0
        parts = self.accumulation
        for part, wanted in zip(images.chunk(parts), targets.chunk(parts), strict=True):
            with autocast(self.device, self.recipe.bf16):
                logits = self.network(part)
                loss = functional.cross_entropy(
                    logits.float(), wanted, label_smoothing=self.recipe.label_smoothing
                )
            loss = loss * (len(part) / len(images))
            loss.backward()  # type: ignore[no-untyped-call]
            total = total + loss.detach()
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.learning, self.recipe.clip)
        self.optimizer.step()
        return total  # type: ignore[no-any-return]

    def _too_large(self, batch: int) -> str:
        return (
            f"{self.device} is out of memory at a batch of {batch // self.accumulation} images; "
            "use a smaller batch_size, fewer pixels or a smaller network"
        )
