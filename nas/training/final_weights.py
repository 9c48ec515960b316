"""The weights that a training ends with: averaged, and with batch-norm statistics of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas.training.augment import Augmentation
from nas.training.averaging import Average, own_state_kept, recalibrate
from nas.training.devices import autocast, batches_on
from nas.training.network_settings import train_mode
from nas.training.recipe import Recipe
from nas.training.seeds import seeded_generator, shuffled
from nas.training.source import PixelSource


class FinalWeights:
    """Puts them in the network, for good or for an evaluation.

    batch_size: images of the batches that statistics are taken from. frozen: modules that keep
    theirs. The same images are taken each time, so that evaluations compare.
    """

    def __init__(
        self,
        network: nn.Module,
        average: Average | None,
        recipe: Recipe,
        augmentation: Augmentation,
        pixels: PixelSource,
        *,
        seed: int,
        device: torch.device,
        batch_size: int,
        frozen: list[nn.Module],
    ) -> None:
        self.network, self.average, self.recipe = network, average, recipe
        self.augmentation, self.pixels = augmentation, pixels
        self.seed, self.device, self.batch_size = seed, device, batch_size
        self.frozen = frozen
        self.batches = min(recipe.bn_recalibration_batches, len(pixels) // recipe.batch_size)

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        """The network with its final weights; afterwards with those that it trains."""
        if self.average is None and not self.batches:
            yield
            return
        with own_state_kept(self.network):
            self.take()
            yield

    def take(self) -> None:
        """Replace the network's weights by the final ones."""
        if self.average is not None:
            self.average.copy_to_network()
        if self.batches:
            train_mode(self.network, self.frozen)
            with autocast(self.device, self.recipe.bf16):
                recalibrate(self.network, self._images())

    def _images(self) -> Iterator[Tensor]:
        """Training images, cropped and mirrored as in training."""
        generator = seeded_generator(self.device, self.seed, "recalibration")
        order = shuffled(len(self.pixels), self.seed, "recalibration")
        order = order[: self.batches * self.batch_size]
        size = self.batch_size
        for images, _ in batches_on(self.device, self.pixels, order, size, whole=True):
            draws = self.augmentation.draw(len(images), self.device, generator)
            yield self.augmentation.crop_only(images, draws)
