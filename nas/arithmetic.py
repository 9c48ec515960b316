"""The cost of the primitive layers: what block kinds add up.

FLOPs are multiply-adds of convolution and linear layers for one image, as in the EfficientNet
paper. Memory is counted at float32. Peak activation memory is that of an inference runtime that
folds batch norm and activation into the layer before them: while a layer runs, its input, its
output and a skip connection that waits are alive.
"""

from __future__ import annotations

from dataclasses import dataclass

BYTES_PER_VALUE = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network, stage or block costs for one image.

    flops: multiply-adds of convolution and linear layers.
    params: trainable parameters.
    activations: output elements of convolution layers.
    weight_bytes: parameters and batch-norm statistics at float32.
    peak_activation_bytes: the most memory that activations need at once, at float32.

    Costs add; the peak of a sum is the larger peak.
    """

    flops: int = 0
    params: int = 0
    activations: int = 0
    weight_bytes: int = 0
    peak_activation_bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.flops + other.flops,
            self.params + other.params,
            self.activations + other.activations,
            self.weight_bytes + other.weight_bytes,
            max(self.peak_activation_bytes, other.peak_activation_bytes),
        )

    def times(self, count: int) -> Cost:
        """The same work `count` times in turn; nothing for 0."""
        if count == 0:
            return Cost()
        return Cost(
            count * self.flops,
            count * self.params,
            count * self.activations,
            count * self.weight_bytes,
            self.peak_activation_bytes,
        )

    def holding(self, values: int) -> Cost:
        """The same work while `values` more activation elements wait (a skip connection)."""
        return Cost(
            self.flops,
            self.params,
            self.activations,
            self.weight_bytes,
            self.peak_activation_bytes + values * BYTES_PER_VALUE,
        )


def total(costs: list[Cost]) -> Cost:
    """The sum of costs."""
    result = Cost()
    for cost in costs:
        result += cost
    return result


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    in_size: int,
    out_size: int,
    *,
    groups: int = 1,
    bias: bool = False,
    norm: bool = True,
) -> Cost:
    """A square 2-d convolution on square maps, with its batch norm where it has one."""
    weights = out_channels * (in_channels // groups) * kernel * kernel
    outputs = out_channels * out_size * out_size
    params = weights + (out_channels if bias else 0) + (2 * out_channels if norm else 0)
    # Running mean and variance are stored with the weights but not trained.
    statistics = 2 * out_channels if norm else 0
    return Cost(
        flops=weights * out_size * out_size,
        params=params,
        activations=outputs,
        weight_bytes=(params + statistics) * BYTES_PER_VALUE,
        peak_activation_bytes=(in_channels * in_size * in_size + outputs) * BYTES_PER_VALUE,
    )


def linear(in_features: int, out_features: int) -> Cost:
    """A fully connected layer with bias. Its outputs are not counted as activations."""
    params = in_features * out_features + out_features
    return Cost(
        flops=in_features * out_features,
        params=params,
        weight_bytes=params * BYTES_PER_VALUE,
        peak_activation_bytes=(in_features + out_features) * BYTES_PER_VALUE,
    )


def squeeze_excite(channels: int, squeezed: int, size: int) -> Cost:
    """Two biased 1x1 convolutions on pooled features, while the feature map itself waits."""
    reduce = convolution(channels, squeezed, 1, 1, 1, bias=True, norm=False)
    expand = convolution(squeezed, channels, 1, 1, 1, bias=True, norm=False)
    return (reduce + expand).holding(channels * size * size)
