"""The torch modules of ResNet's blocks. Only builders import this file."""

from __future__ import annotations

from torch import Tensor, nn

from nas.modules import ConvNorm, StochasticDepth, activation_module
from nas.spec import BlockSpec, NormSpec


class ResNetBlock(nn.Module):
    """A chain of layers, its sum with the skip, and an activation.

    Stochastic depth drops the branch of any block with a skip, a projected one too, as timm does.
    """

    def __init__(
        self, block: BlockSpec, norm: NormSpec, layers: dict[str, nn.Module], *, projection: bool
    ) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._order = tuple(layers)
        self.has_skip = block.skip
        self.projection = (
            ConvNorm(block.in_channels, block.out_channels, 1, norm, stride=block.stride)
            if projection
            else nn.Identity()
        )
        self.drop_path = StochasticDepth(block.drop_path if block.skip else 0.0)
        self.activation = activation_module(block.activation)

    def forward(self, features: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        branch = features
        for name in self._order:
            branch = getattr(self, name)(branch)
        if self.has_skip:
            branch = self.drop_path(branch)
            branch = self.projection(features) + branch
        return self.activation(branch)  # type: ignore[no-any-return]


class Basic(ResNetBlock):
    """Two spatial convolutions; the first has the stride."""

    def __init__(self, block: BlockSpec, norm: NormSpec, *, inner: int, projection: bool) -> None:
        first = ConvNorm(
            block.in_channels,
            inner,
            block.kernel,
            norm,
            stride=block.stride,
            activation=block.activation,
        )
        second = ConvNorm(inner, block.out_channels, block.kernel, norm)
        super().__init__(block, norm, {"first": first, "second": second}, projection=projection)


class Bottleneck(ResNetBlock):
    """1x1, spatial and 1x1 convolution; the spatial one has the stride and the groups."""

    def __init__(
        self, block: BlockSpec, norm: NormSpec, *, inner: int, groups: int, projection: bool
    ) -> None:
        layers: dict[str, nn.Module] = {
            "reduce": ConvNorm(block.in_channels, inner, 1, norm, activation=block.activation),
            "spatial": ConvNorm(
                inner,
                inner,
                block.kernel,
                norm,
                stride=block.stride,
                groups=groups,
                activation=block.activation,
            ),
            "restore": ConvNorm(inner, block.out_channels, 1, norm),
        }
        super().__init__(block, norm, layers, projection=projection)
