"""What a recipe changes of a network before it trains."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas.errors import TrainingError
from nas.modules import StochasticDepth
from nas.training.recipe import Recipe

# After one of these a norm of weight zero would never learn: their slope at zero is zero.
_FLAT_AT_ZERO = (nn.ReLU, nn.ReLU6, nn.Hardtanh)
# The mean square of SiLU over normalised values, which a head's features are.
_FEATURES_SQUARE = 0.356
# Parts of a block that are not on its residual branch.
_BESIDE_THE_BRANCH = ("pooled_skip", "projection", "drop_path", "activation")


def apply_settings(network: nn.Module, recipe: Recipe, *, fresh: bool) -> None:
    """Dropout, stochastic depth and, where the weights are fresh, how they begin."""
    if recipe.dropout is not None:
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = recipe.dropout
    if recipe.drop_path is not None:
        set_drop_path(network, recipe.drop_path)
    if recipe.zero_last_norm and fresh:
        zero_last_norms(network)
    if recipe.limit_first_logits and fresh:
        limit_first_logits(network)


def set_drop_path(network: nn.Module, probability: float) -> None:
    """Stochastic depth that grows linearly from 0 at the first block, as `ArchSpec.blocks` has it.

    A block without a skip connection drops nothing.
    """
    blocks = [m for m in network.modules() if isinstance(getattr(m, "drop_path", None), nn.Module)]
    for index, block in enumerate(blocks):
        depth = block.drop_path
        if isinstance(depth, StochasticDepth) and getattr(block, "has_skip", False):
            depth.probability = probability * index / len(blocks)


def zero_last_norms(network: nn.Module) -> int:
    """Set the last batch norm's weight of every residual branch to zero; how many there are.

    Every block then begins as its skip connection (Goyal et al., 1706.02677, section 5.1). A
    residual branch is one of a module whose `has_skip` is true, of whatever kind. A norm that a
    rectifier follows is left alone, since it would stay at zero for good.
    """
    zeroed = 0
    for module in network.modules():
        if getattr(module, "has_skip", False) is not True:
            continue
        norm = None
        for part in _branch(module):
            if isinstance(part, _BatchNorm):
                norm = part
            elif isinstance(part, _FLAT_AT_ZERO):
                norm = None
        if norm is not None and norm.affine:
            nn.init.zeros_(norm.weight)
            zeroed += 1
    return zeroed


def limit_first_logits(network: nn.Module) -> float:
    """Shrink the last layer's new weights where its logits would deviate by more than about one.

    Returns the factor. The reference EfficientNet draws them within 1 / sqrt(classes). For
    ImageNet's 1,000 that is within the limit and nothing changes; for ten and 1,280 features they
    deviate by four, the first loss is 6 instead of 2.3, and a training of few steps ends before it
    has forgotten them. Much smaller weights, or zeros, learn more slowly (docs/training.md).
    """
    layer = _last_linear(network)
    if layer is None:
        return 1.0
    spread = float(layer.weight.detach().std(correction=0))
    deviation = spread * math.sqrt(layer.in_features * _FEATURES_SQUARE)
    factor = min(1.0, 1.0 / max(deviation, 1e-12))
    with torch.no_grad():
        layer.weight.mul_(factor)
    return factor


def freeze(network: nn.Module, stages: int) -> list[nn.Module]:
    """Take the stem and the first `stages` stages out of the training; the modules frozen.

    Their batch norms keep their statistics: `train_mode` leaves them in evaluation.
    Raises: TrainingError if the network has fewer stages, or none that can be told.
    """
    if stages == 0:
        return []
    parts = getattr(network, "stages", None)
    if not isinstance(parts, nn.Sequential) or not isinstance(
        getattr(network, "stem", None), nn.Module
    ):
        raise TrainingError(
            f"{type(network).__name__} has no stem and stages, so none can be frozen; use frozen=0"
        )
    if not 0 <= stages <= len(parts):
        raise TrainingError(
            f"frozen is {stages}, but the network has {len(parts)} stages; use 0 to {len(parts)}"
        )
    frozen = [network.get_submodule("stem"), *list(parts)[:stages]]
    for module in frozen:
        module.requires_grad_(False)
    return frozen


def train_mode(network: nn.Module, frozen: list[nn.Module]) -> None:
    """Put the network in training, but what is frozen in evaluation."""
    network.train()
    for module in frozen:
        module.eval()


def output_classes(network: nn.Module) -> int | None:
    """How many classes the network tells apart, where its spec or its last layer says so."""
    spec = getattr(network, "spec", None)
    if spec is not None and isinstance(getattr(spec, "classes", None), int):
        return int(spec.classes)
    layer = _last_linear(network)
    return None if layer is None else layer.out_features


def _last_linear(network: nn.Module) -> nn.Linear | None:
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    return layers[-1] if layers else None


def _branch(block: nn.Module) -> Iterator[nn.Module]:
    """The modules of a block's residual branch, in the order that they work in."""
    order = getattr(block, "_order", None)
    if order is None:
        # Of a block that does not say: what stands beside the branch goes by its usual name.
        order = [name for name, _ in block.named_children() if name not in _BESIDE_THE_BRANCH]
    for name in order:
        yield from block.get_submodule(name).modules()
