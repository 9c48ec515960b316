"""What one training step keeps in memory, found without training: on torch's meta device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from nas.model import build
from nas.spec import ArchSpec

# Batch norm needs more than one value a channel, which a last map of one pixel has only in a batch.
_IMAGES = 2

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes in float32. With bf16 autocast, what is kept per image is about half.

    per_image: what the forward pass keeps for the backward pass, for each image of the batch.
    weights: parameters and buffers. A step also needs a gradient of the parameters' size, and one
    more for each moment of the optimiser (one with momentum, two with Adam).
    """

    per_image: int
    weights: int
    parameters: int

    def step(self, batch: int, moments: int) -> int:
        """Peak bytes of a step: weights, gradients, moments, and what `batch` images keep."""
        return self.weights + (1 + moments) * self.parameters + batch * self.per_image


def training_memory(arch: ArchSpec) -> TrainingMemory:
    """Count the tensors that autograd saves, each storage once; about a second for any network.

    Not counted: workspaces of the kernels, and what an allocator loses between blocks.
    """
    network = build(arch, device="meta").train()
    held = [*network.parameters(), *network.buffers()]
    own = {tensor.untyped_storage()._cdata for tensor in held}
    saved: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            # Held until the count is done, so that no address is given out twice.
            saved[storage._cdata] = storage
        return tensor

    side = arch.resolution
    images = torch.empty(_IMAGES, arch.in_channels, side, side, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(images)
    return TrainingMemory(
        per_image=sum(storage.nbytes() for storage in saved.values()) // _IMAGES,
        weights=sum(tensor.numel() for tensor in held) * FLOAT32_BYTES,
        parameters=sum(tensor.numel() for tensor in network.parameters()) * FLOAT32_BYTES,
    )
