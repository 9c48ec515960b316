"""The torch modules of a ghost bottleneck. Only the builder in `block.py` imports this file."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ghost_nas.block import primary_channels
from nas.modules import ConvNorm, Residual, SqueezeExciteGate
from nas.spec import BlockSpec, NormSpec


class GhostModule(nn.Module):
    """A primary 1x1 convolution, cheap depthwise ones of its output, and both side by side."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        norm: NormSpec,
        *,
        ratio: int,
        kernel: int,
        activation: str = "none",
    ) -> None:
        super().__init__()
        primary = primary_channels(outputs, ratio)
        self.outputs = outputs
        self.primary = ConvNorm(inputs, primary, 1, norm, activation=activation)
        self.cheap = ConvNorm(
            primary,
            primary * (ratio - 1),
            kernel,
            norm,
            groups=primary,
            activation=activation,
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        primary = self.primary(features)
        return torch.cat((primary, self.cheap(primary)), 1)[:, : self.outputs]


class GhostBottleneck(Residual):
    """Ghost module, depthwise convolution where it strides, squeeze-excite, ghost module."""

    def __init__(
        self,
        block: BlockSpec,
        norm: NormSpec,
        *,
        expanded: int,
        squeezed: int | None,
        ratio: int,
    ) -> None:
        layers: dict[str, nn.Module] = {
            "expand": GhostModule(
                block.in_channels,
                expanded,
                norm,
                ratio=ratio,
                kernel=block.kernel,
                activation=block.activation,
            )
        }
        if block.stride > 1:
            layers["depthwise"] = ConvNorm(
                expanded, expanded, block.kernel, norm, stride=block.stride, groups=expanded
            )
        if block.se is not None and squeezed is not None:
            layers["se"] = SqueezeExciteGate(expanded, squeezed, block.se, block.activation)
        layers["project"] = GhostModule(
            expanded, block.out_channels, norm, ratio=ratio, kernel=block.kernel
        )
        super().__init__(block, layers)
