"""Optimisers by a recipe's name, and which weights decay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from nas.training.optional import require_timm
from nas.training.recipe import Recipe

RMSPROP_ALPHA = 0.9
RMSPROP_EPS = 1e-3
"""Of the reference EfficientNet: decay 0.9 of the squared gradients, epsilon 0.001."""

_COMPUTATION = ("capturable", "fused", "foreach")


def make_optimizer(
    network: nn.Module,
    recipe: Recipe,
    device: torch.device,
    groups: Sequence[dict[str, Any]] | None = None,
    *,
    captured: bool = False,
) -> torch.optim.Optimizer:
    """The recipe's optimiser over the weights that learn.

    groups: parameter groups as timm writes them: `params`, and optionally `lr_scale`, a factor on
    the learning rate, and `weight_decay`. Weights in no group are not trained. Vectors (biases,
    norms) never decay. captured: for a CUDA graph, with the rate in a tensor.
    """
    chosen = groups if groups is not None else [{"params": list(network.parameters())}]
    parameters = [part for group in chosen for part in _split(group, recipe)]
    rate = recipe.learning_rate
    if captured:
        # A graph reads the rate where it lay when it was captured; groups may have rates of
        # their own, so each has a tensor of its own.
        for part in parameters:
            part["lr"] = torch.tensor(rate, device=device)
    if recipe.optimizer == "rmsprop":
        module = require_timm("the optimiser rmsprop in TensorFlow's form", "timm.optim")
        optimizer: torch.optim.Optimizer = module.RMSpropTF(
            parameters,
            lr=rate,
            alpha=RMSPROP_ALPHA,
            eps=RMSPROP_EPS,
            momentum=recipe.momentum,
        )
        return optimizer
    # One kernel for all weights where there is one; it computes what the plain loop computes.
    fused = device.type in ("cuda", "cpu")
    if recipe.optimizer == "sgd":
        nesterov = recipe.momentum > 0
        settings: dict[str, Any] = {"momentum": recipe.momentum, "nesterov": nesterov}
        return torch.optim.SGD(parameters, lr=rate, fused=fused, **settings)
    return torch.optim.AdamW(
        parameters,
        lr=rate,
        betas=(recipe.momentum, 0.999),
        fused=fused,
        capturable=captured,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of `rate`, without replacing a rate that is a tensor."""
    for group in optimizer.param_groups:
        value = rate * group.get("lr_scale", 1.0)
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(value)
        else:
            group["lr"] = value


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """`optimizer.load_state_dict`, with rates left where they lie.

    How the update is computed stays as well: the state may be from another kind of device.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    groups = [
        {**saved, **{name: group[name] for name in _COMPUTATION if name in group}}
        for saved, group in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({**state, "param_groups": groups})
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def _split(group: dict[str, Any], recipe: Recipe) -> Iterable[dict[str, Any]]:
    """A group's matrices and kernels, which decay, and its vectors, which do not."""
    learning = [weight for weight in group["params"] if weight.requires_grad]
    decay = group.get("weight_decay", recipe.weight_decay)
    common = {"lr_scale": group.get("lr_scale", 1.0)}
    decaying = [weight for weight in learning if weight.ndim > 1]
    others = [weight for weight in learning if weight.ndim <= 1]
    if decaying:
        yield {**common, "params": decaying, "weight_decay": decay}
    if others:
        yield {**common, "params": others, "weight_decay": 0.0}
