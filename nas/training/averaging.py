"""Averaged weights, and batch-norm statistics taken anew for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Average:
    """An exponential moving average of a network's weights and its float buffers.

    The decay of step t is min(decay, (1 + t) / (10 + t)), as TensorFlow's average that the paper
    used: a short training's average does not remember its first weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._followed = floating_state(network)
        self.values = [tensor.detach().clone() for tensor in self._followed]

    @torch.no_grad()
    def update(self) -> None:
        """Follow the network by one step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_(self.values, self._followed, 1 - decay)

    @torch.no_grad()
    def copy_to_network(self) -> None:
        """Replace the network's weights and float buffers by their averages."""
        torch._foreach_copy_(self._followed, self.values)

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"values": self.values, "steps": self.steps}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from another average's `state`."""
        self.steps = state["steps"]
        for value, saved in zip(self.values, state["values"], strict=True):
            value.copy_(saved)


def floating_state(network: nn.Module) -> list[Tensor]:
    """A network's weights and float buffers, in the order of its `state_dict`."""
    return [t.detach() for t in network.state_dict().values() if t.is_floating_point()]


@contextmanager
def own_state_kept(network: nn.Module) -> Iterator[None]:
    """Put the network's weights and buffers back afterwards, whatever was done to them."""
    state = list(network.state_dict().values())
    own = [tensor.clone() for tensor in state]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(state, own, strict=True):
                tensor.copy_(value)


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Take the batch norms' statistics anew: their mean over `batches`.

    Everything but the batch norms is as in evaluation: dropout and stochastic depth are off. Batch
    norms that are frozen (in evaluation already) keep what they have.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
    norms = [norm for norm in norms if norm.track_running_stats]
    if not norms:
        return
    was_training = [module for module in network.modules() if module.training]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
    try:
        for count, images in enumerate(batches, 1):
            for norm in norms:
                # The plain mean of all batches. A momentum of None is the same, and makes every
                # norm read its counter back from the device.
                norm.momentum = 1.0 / count
            network(images)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module in was_training:
            module.training = True
