"""The torch modules that networks are made of. Only builders import this file.

Shapes are (N, C, H, W). Padding is symmetric, so an odd kernel with stride s maps a side of n
pixels to ceil(n / s).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.blocks.skip import pools_skip
from nas.spec import BlockSpec, NormSpec, SqueezeExcite

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hard-swish": nn.Hardswish,
}
_GATES: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "hard-sigmoid": nn.Hardsigmoid}


def activation_module(name: str) -> nn.Module:
    """The activation called `name`; "none" is the identity."""
    return nn.Identity() if name == "none" else _ACTIVATIONS[name](inplace=True)


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm, activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        norm: NormSpec,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: str = "none",
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(out_channels, eps=norm.eps, momentum=norm.momentum)
        self.activation = activation_module(activation)

    def forward(self, features: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        return self.activation(self.norm(self.conv(features)))  # type: ignore[no-any-return]


class SqueezeExciteGate(nn.Module):
    """Scales each channel by a gate computed from all pooled channels."""

    def __init__(self, channels: int, squeezed: int, spec: SqueezeExcite, activation: str) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation_module(spec.activation or activation)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = _GATES[spec.gate]()

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        pooled = features.mean((2, 3), keepdim=True)
        gate: Tensor = self.gate(self.expand(self.activation(self.reduce(pooled))))
        return features * gate


class StochasticDepth(nn.Module):
    """Drops the residual branch of whole samples in training (Huang et al., 1603.09382).

    Surviving branches are scaled by 1 / (1 - probability), so that the expectation is unchanged.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """(N, ...) to the same shape."""
        if not self.training or self.probability == 0:
            return branch
        survival = 1.0 - self.probability
        shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
        return branch * branch.new_empty(shape).bernoulli_(survival).div_(survival)

    def extra_repr(self) -> str:
        """The probability, for printing."""
        return f"probability={self.probability:g}"


class PooledSkip(nn.Module):
    """Averages over `stride` pixels a side and appends `added` channels of zeros."""

    def __init__(self, stride: int, added: int) -> None:
        super().__init__()
        self.stride, self.added = stride, added

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C + added, ceil(H / stride), ceil(W / stride))."""
        if self.stride > 1:
            # What lies beyond the edge is left out of the mean, not taken as zero.
            features = functional.avg_pool2d(
                features, self.stride, ceil_mode=True, count_include_pad=False
            )
        if self.added == 0:
            return features
        return functional.pad(features, (0, 0, 0, 0, 0, self.added))

    def extra_repr(self) -> str:
        """The settings, for printing."""
        return f"stride={self.stride}, added={self.added}"


class Residual(nn.Module):
    """A chain of layers with a skip connection where shapes allow it, or the option makes one."""

    def __init__(self, block: BlockSpec, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        self.pooled_skip = (
            PooledSkip(block.stride, block.out_channels - block.in_channels)
            if pools_skip(block)
            else None
        )
        self.has_skip = block.has_skip or self.pooled_skip is not None
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._order = tuple(layers)
        self.drop_path = StochasticDepth(block.drop_path if self.has_skip else 0.0)

    def forward(self, features: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride))."""
        branch: Tensor = features
        for name in self._order:
            layer: nn.Module = getattr(self, name)
            branch = layer(branch)
        if not self.has_skip:
            return branch
        if self.pooled_skip is not None:
            features = self.pooled_skip(features)
        kept: Tensor = self.drop_path(branch)
        return features + kept


class MBConv(Residual):
    """Expand, depthwise, squeeze-excite, project; the projection has no activation."""

    def __init__(
        self, block: BlockSpec, norm: NormSpec, *, expanded: int, squeezed: int | None
    ) -> None:
        layers: dict[str, nn.Module] = {}
        if block.expand_ratio != 1:
            layers["expand"] = ConvNorm(
                block.in_channels, expanded, 1, norm, activation=block.activation
            )
        layers["depthwise"] = ConvNorm(
            expanded,
            expanded,
            block.kernel,
            norm,
            stride=block.stride,
            groups=expanded,
            activation=block.activation,
        )
        if block.se is not None and squeezed is not None:
            layers["se"] = SqueezeExciteGate(expanded, squeezed, block.se, block.activation)
        layers["project"] = ConvNorm(expanded, block.out_channels, 1, norm)
        super().__init__(block, layers)


class Separable(Residual):
    """Depthwise, squeeze-excite, pointwise; both convolutions are activated."""

    def __init__(self, block: BlockSpec, norm: NormSpec, *, squeezed: int | None) -> None:
        channels = block.in_channels
        layers: dict[str, nn.Module] = {
            "depthwise": ConvNorm(
                channels,
                channels,
                block.kernel,
                norm,
                stride=block.stride,
                groups=channels,
                activation=block.activation,
            )
        }
        if block.se is not None and squeezed is not None:
            layers["se"] = SqueezeExciteGate(channels, squeezed, block.se, block.activation)
        layers["pointwise"] = ConvNorm(
            channels, block.out_channels, 1, norm, activation=block.activation
        )
        super().__init__(block, layers)


def initialise(network: nn.Module) -> None:
    """The reference EfficientNet's initialisation, in place.

    Convolutions are normal with variance 2 / fan-out, where a depthwise kernel's fan-out is
    k * k (torch's own fan-out would be channels * k * k); the classifier is uniform within
    1 / sqrt(classes); biases are zero.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            kernel_height, kernel_width = module.kernel_size
            fan_out = kernel_height * kernel_width * module.out_channels // module.groups
            nn.init.normal_(module.weight, 0.0, (2.0 / fan_out) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = module.out_features**-0.5
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)


class Head(nn.Module):
    """Convolution and hidden layer where there are any; pooling, dropout, classifier."""

    def __init__(
        self,
        in_channels: int,
        channels: int | None,
        classes: int,
        norm: NormSpec,
        *,
        dropout: float,
        activation: str,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        self.conv = (
            nn.Identity()
            if channels is None
            else ConvNorm(in_channels, channels, 1, norm, activation=activation)
        )
        features = channels or in_channels
        self.hidden = (
            nn.Identity()
            if hidden is None
            else nn.Sequential(nn.Linear(features, hidden), activation_module(activation))
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden or features, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to logits (N, classes)."""
        pooled: Tensor = torch.flatten(self.conv(features).mean((2, 3)), 1)
        return self.classifier(self.dropout(self.hidden(pooled)))  # type: ignore[no-any-return]
