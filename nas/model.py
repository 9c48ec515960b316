"""From a spec to a `torch.nn.Module`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.blocks import block_kind
from nas.modules import ConvNorm, Head, initialise
from nas.spec import ArchSpec

__all__ = ["Network", "build"]


class Network(nn.Module):
    """The network that a spec describes; `spec` stays with it.

    Maps images (N, in_channels, H, W) to logits (N, classes). Any H and W work; the spec's
    resolution is the one that costs are counted at.
    """

    def __init__(self, spec: ArchSpec) -> None:
        super().__init__()
        self.spec = spec
        self.stem = ConvNorm(
            spec.in_channels,
            spec.stem.channels,
            spec.stem.kernel,
            spec.norm,
            stride=spec.stem.stride,
            activation=spec.stem.activation or spec.activation,
        )
        pool = nn.MaxPool2d(3, stride=2, padding=1) if spec.stem.max_pool else nn.Identity()
        self.stem_pool = pool
        stages: list[list[nn.Module]] = [[] for _ in spec.stages]
        for block in spec.blocks():
            kind = block_kind(block.kind)
            kind.check(block)
            stages[block.stage].append(kind.build(block, spec.norm))
        self.stages = nn.Sequential(*(nn.Sequential(*blocks) for blocks in stages))
        self.head = Head(
            spec.stages[-1].channels,
            spec.head.channels,
            spec.classes,
            spec.norm,
            dropout=spec.head.dropout,
            activation=spec.head.activation or spec.activation,
            hidden=spec.head.hidden,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, in_channels, H, W) to logits (N, classes)."""
        features = self.stages(self.stem_pool(self.stem(images)))
        return self.head(features)  # type: ignore[no-any-return]


def build(arch: ArchSpec, *, seed: int | None = None, device: str | None = None) -> Network:
    """Build `arch` with the reference initialisation.

    `seed` makes the weights reproducible without touching torch's global generator for anyone
    else. `device="meta"` builds shapes only, at once and without memory.
    Raises: SpecError if a block kind is unknown or refuses its settings.
    """
    # Weights are drawn on the CPU, whatever the device: the same seed gives the same network
    # anywhere, and only the CPU's generator has to be put back (torch.manual_seed sets all).
    drawn_on = "meta" if device == "meta" else "cpu"
    with torch.device(drawn_on), torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        network = Network(arch)
        initialise(network)
    return network if device in (None, drawn_on) else network.to(device)
