"""Mixup and cutmix, as torchvision defines them: one draw for a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nas.training.optional import require_torchvision
from nas.training.recipe import Recipe


class Mixing:
    """Mixes the images of a batch with their neighbours, and their labels in the same share.

    With both alphas given, each batch is mixed by one of the two, at even odds. Source: Zhang et
    al. (1710.09412), Yun et al. (1905.04899); torchvision's `MixUp` and `CutMix`.
    Raises: TrainingError without torchvision.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        module: Any = require_torchvision("mixup or cutmix", "torchvision.transforms.v2")
        self._kinds: list[Any] = []
        if recipe.mixup:
            self._kinds.append(module.MixUp(alpha=recipe.mixup, num_classes=classes))
        if recipe.cutmix:
            self._kinds.append(module.CutMix(alpha=recipe.cutmix, num_classes=classes))

    def apply(
        self, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) and labels (B,) to mixed images and class shares (B, classes)."""
        # torchvision draws from the global generator on the CPU: lent to it, then put back.
        seed = int(torch.randint(0, 1 << 62, (), generator=generator, dtype=torch.int64))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            index = int(torch.randint(len(self._kinds), ()))
            mixed, shares = self._kinds[index](images, labels)
        return mixed, shares
