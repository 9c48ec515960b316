"""Networks to export: tiny, drawn from the spaces, with statistics that untrained ones lack."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch
from torch import nn

from nas.archs import resized
from nas.export.subject import Subject
from nas.model import Network, build
from nas.search_spaces.mbconv import MBConvSpace
from nas.search_spaces.mbconv_elastic import MBConvElasticSpace
from nas.search_spaces.mnasnet import MnasNetSpace
from nas.search_spaces.mobilenet_space import MobileNetSpace
from nas.search_spaces.resnet_space import ResNetSpace
from nas.space import random_network
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec

RESOLUTION, CLASSES = 32, 7
SPACES = {
    "mbconv": MBConvSpace,
    "mbconv-elastic": lambda: MBConvElasticSpace(resolution=RESOLUTION),
    "mnasnet": MnasNetSpace,
    "mobilenet": MobileNetSpace,
    "resnet": ResNetSpace,
}
DEEPEST = 24
"""Blocks of the largest network that a fast test builds; ResNets are wide as well."""
SHALLOW = 12


def with_statistics(arch: ArchSpec, seed: int = 0) -> Network:
    """A network whose batch norms have seen data and whose logits are about 1.

    Default statistics would hide a swap of layers, and random weights can have logits of 1e-5,
    beside which 1e-5 is nothing.
    """
    network = build(arch, seed=seed)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    source = torch.Generator().manual_seed(seed)
    # Twice the tiny size, for more than one value in the last maps.
    size = max(arch.resolution, 2 * RESOLUTION)
    images = torch.randn(8, arch.in_channels, size, size, generator=source)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.weight.uniform_(0.8, 1.2, generator=source)
            norm.bias.normal_(0, 0.1, generator=source)
            norm.running_mean += 0.1 * torch.randn(norm.num_features, generator=source)
            norm.running_var *= 0.8 + 0.4 * torch.rand(norm.num_features, generator=source)
        network.eval()
        scale = network(images[:, :, : arch.resolution, : arch.resolution]).std()
        network.head.classifier.weight /= scale
    return network


def trained(arch: ArchSpec, seed: int = 0) -> Subject:
    """What `find_subject` makes of a weight file."""
    names = tuple(f"class {number}" for number in range(arch.classes))
    return Subject(with_statistics(arch, seed), True, "weights.safetensors", names)


def small() -> ArchSpec:
    """Three blocks, one with squeeze-excite and one with a pooled skip."""
    stages = (
        StageSpec("mbconv", 16, 2, stride=2, expand_ratio=2, se=SqueezeExcite()),
        StageSpec("fused-mbconv", 24, 1, expand_ratio=2, options=(("skip", "pool"),)),
    )
    return ArchSpec(
        StemSpec(8), stages, HeadSpec(32), resolution=RESOLUTION, classes=CLASSES, name="small"
    )


def drawn(space: str, count: int) -> Iterator[ArchSpec]:
    """Networks of a space at a tiny size, shallow ones first come first served."""
    source = random.Random(space)
    made = SPACES[space]()
    while count:
        arch, _ = random_network(made, source)
        if arch.depth <= (SHALLOW if space == "resnet" else DEEPEST):
            yield resized(arch, resolution=RESOLUTION, classes=CLASSES)
            count -= 1
