"""What a part does, counted by kind of layer: the features of the cost model.

A feature is a name and an amount, such as "pointwise macs, 16s to 16s" (multiply-adds), "silu
values" (elements) or "layers" (launches). A device takes about so much time for each unit of each,
which is what the model fits. A kind of block that a plug-in brings is known by its cost only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from nas.blocks import block_kind, expanded_channels, squeezed_channels
from nas.blocks.resnet import groups_of, has_projection, inner_channels
from nas.blocks.skip import pools_skip
from nas.spec import BlockSpec, HeadSpec, SqueezeExcite, StemSpec

Features = Mapping[str, float]

LANES = 16
"""Floats in the widest vectors of today's CPUs (AVX-512; AVX2 has 8, NEON 4). onnxruntime and
oneDNN work on blocks of so many channels, and take a slower way where channels do not fill them:
dense convolutions of space mbconv-elastic, whose widths are multiples of 4, differ by half."""


def block_features(block: BlockSpec) -> Features:
    """The features of one block."""
    features: Counter[str] = Counter()
    features["blocks"] = 1
    features["boundary values"] = (
        block.in_channels * block.in_size**2 + block.out_channels * block.out_size**2
    )
    if block.kind in ("mbconv", "separable", "fused-mbconv", "conv"):
        _inverted(features, block)
    elif block.kind in ("basic", "bottleneck"):
        _resnet(features, block)
    else:
        cost = block_kind(block.kind).cost(block)
        features[f"{block.kind} macs"] = cost.flops
        features[f"{block.kind} values"] = cost.activations
    if block.has_skip or pools_skip(block):
        features["added values"] += block.out_channels * block.out_size**2
    return dict(features)


def stem_features(stem: StemSpec, in_channels: int, resolution: int, activation: str) -> Features:
    """The features of the first convolution and its pooling."""
    features: Counter[str] = Counter()
    size = stem.conv_size(resolution)
    _convolution(features, in_channels, stem.channels, stem.kernel, resolution, size, "stem ")
    _activation(features, activation, stem.channels * size**2)
    if stem.max_pool:
        features["pooled values"] += stem.channels * size**2
    return dict(features)


def head_features(
    head: HeadSpec, channels: int, size: int, classes: int, activation: str
) -> Features:
    """The features of everything behind the last block."""
    features: Counter[str] = Counter()
    if head.channels is not None:
        _convolution(features, channels, head.channels, 1, size, size)
        _activation(features, activation, head.channels * size**2)
        channels = head.channels
    features["averaged values"] += channels * size**2
    if head.hidden is not None:
        features["vector macs"] += channels * head.hidden
        channels = head.hidden
    features["vector macs"] += channels * classes
    return dict(features)


def _inverted(features: Counter[str], block: BlockSpec) -> None:
    """MBConv and its relatives: expand, spatial convolution, squeeze-excite, project."""
    channels = block.in_channels
    kind, inside, outside = block.kind, block.in_size**2, block.out_size**2
    fused = kind == "fused-mbconv" and block.expand_ratio != 1
    if kind == "mbconv" and block.expand_ratio != 1:
        expanded = expanded_channels(block)
        _convolution(features, channels, expanded, 1, block.in_size, block.in_size)
        _activation(features, block.activation, expanded * inside)
        channels = expanded
    if kind in ("mbconv", "separable"):
        name = f"depthwise k{block.kernel} s{block.stride} outputs, {_blocks(channels)}"
        features[name] += channels * outside
        features["depthwise inputs"] += channels * inside
        _layer(features, channels * outside)
    else:
        width = expanded_channels(block) if fused else block.out_channels
        _convolution(features, channels, width, block.kernel, block.in_size, block.out_size)
        channels = width
    _activation(features, block.activation, channels * outside)
    if block.se is not None:
        _squeeze_excite(features, channels, squeezed_channels(block, channels), outside, block.se)
    if fused or kind in ("mbconv", "separable"):
        _convolution(features, channels, block.out_channels, 1, block.out_size, block.out_size)
    if kind == "separable":
        _activation(features, block.activation, block.out_channels * outside)


def _resnet(features: Counter[str], block: BlockSpec) -> None:
    inner, out, outside = inner_channels(block), block.out_channels, block.out_size**2
    if block.kind == "basic":
        layers = [
            (block.in_channels, inner, block.kernel, block.in_size, block.out_size, 1),
            (inner, out, block.kernel, block.out_size, block.out_size, 1),
        ]
    else:
        groups = groups_of(block)
        layers = [
            (block.in_channels, inner, 1, block.in_size, block.in_size, 1),
            (inner, inner, block.kernel, block.in_size, block.out_size, groups),
            (inner, out, 1, block.out_size, block.out_size, 1),
        ]
    if has_projection(block):
        layers.append((block.in_channels, out, 1, block.in_size, block.out_size, 1))
        features["added values"] += out * outside
    for channels, width, kernel, size, after, groups in layers:
        name = "grouped " if groups > 1 else ""
        _convolution(features, channels, width, kernel, size, after, name, groups)
        _activation(features, block.activation, width * after**2)


def _convolution(
    features: Counter[str],
    channels: int,
    out: int,
    kernel: int,
    size: int,
    out_size: int,
    name: str = "",
    groups: int = 1,
) -> None:
    kind = name + ("pointwise" if kernel == 1 else f"dense k{kernel}")
    weights = channels // groups * out * kernel**2
    features[f"{kind} macs, {_blocks(channels)} to {_blocks(out)}"] += weights * out_size**2
    features["convolved values"] += channels * size**2 + out * out_size**2
    features["weights"] += weights
    _layer(features, out * out_size**2)


def _blocks(channels: int) -> str:
    return "others" if channels % LANES else f"{LANES}s"


def _layer(features: Counter[str], normed: int) -> None:
    features["layers"] += 1
    features["normed values"] += normed


def _activation(features: Counter[str], kind: str, values: int) -> None:
    if kind != "none":
        features[f"{kind} values"] += values


def _squeeze_excite(
    features: Counter[str], channels: int, squeezed: int, pixels: int, se: SqueezeExcite
) -> None:
    features["averaged values"] += channels * pixels
    features["gated values"] += channels * pixels
    features["vector macs"] += 2 * channels * squeezed
    features["gates"] += 1
