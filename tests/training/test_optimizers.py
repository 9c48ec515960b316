"""Optimisers are torch's and timm's; vectors do not decay; groups keep their share of the rate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas.model import Network
from nas.training.optimizers import load_state, make_optimizer, set_rate
from nas.training.recipe import load_recipe

CPU = torch.device("cpu")


def trained(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> torch.Tensor:
    draws = torch.Generator().manual_seed(0)
    for _ in range(7):
        weight.grad = torch.randn(weight.shape, generator=draws)
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize("recipe", ["paper", "cifar", "short"])
def test_updates_are_the_librarys(recipe: str) -> None:
    settings = load_recipe(recipe)
    start = torch.randn(5, 4)
    layer = nn.Linear(4, 5, bias=False)
    layer.weight.data.copy_(start)
    theirs = nn.Parameter(start.clone())
    decay, rate = settings.weight_decay, settings.learning_rate
    if recipe == "paper":
        timm = pytest.importorskip("timm.optim")
        other: torch.optim.Optimizer = timm.RMSpropTF(
            [theirs], rate, alpha=0.9, eps=1e-3, momentum=0.9, weight_decay=decay
        )
    elif recipe == "cifar":
        other = torch.optim.SGD([theirs], rate, 0.9, weight_decay=decay, nesterov=True)
    else:
        other = torch.optim.AdamW([theirs], rate, weight_decay=decay)
    ours = trained(make_optimizer(layer, settings, CPU), layer.weight)
    torch.testing.assert_close(ours, trained(other, theirs))


def test_norms_and_biases_do_not_decay(small_network: Network) -> None:
    optimizer = make_optimizer(small_network, load_recipe("short"), CPU)
    decay = {id(w): g["weight_decay"] for g in optimizer.param_groups for w in g["params"]}
    for module in small_network.modules():
        for name, weight in module.named_parameters(recurse=False):
            vector = isinstance(module, nn.BatchNorm2d) or name == "bias"
            assert decay.pop(id(weight)) == (0.0 if vector else 0.05)
    assert not decay


def test_groups_keep_their_share_of_the_rate(small_network: Network) -> None:
    groups = [
        {"params": list(small_network.stem.parameters()), "lr_scale": 0.1, "name": "stem"},
        {"params": list(small_network.head.parameters()), "weight_decay": 0.0},
    ]
    optimizer = make_optimizer(small_network, load_recipe("short"), CPU, groups)
    set_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.05, 0.5}
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.0, 0.0, 0.0]


def test_a_captured_rate_stays_where_it_lies(small_network: Network) -> None:
    recipe = load_recipe("short")
    for name in ("short", "cifar"):
        recipe = load_recipe(name)
        groups = [
            {"params": list(small_network.stem.parameters()), "lr_scale": 0.1},
            {"params": list(small_network.head.parameters())},
        ]
        if name == "short":
            optimizer = make_optimizer(small_network, recipe, CPU, groups, captured=True)
            places = [group["lr"].data_ptr() for group in optimizer.param_groups]
            load_state(optimizer, optimizer.state_dict())
            set_rate(optimizer, 0.5)
            rates = [group["lr"] for group in optimizer.param_groups]
            assert [rate.data_ptr() for rate in rates] == places
            assert [round(float(rate), 4) for rate in rates] == [0.05, 0.05, 0.5, 0.5]


@pytest.mark.parametrize("captured", [False, True])
def test_another_devices_state_changes_no_computation(captured: bool) -> None:
    recipe, layer = load_recipe("short"), nn.Linear(4, 5)
    earlier = make_optimizer(layer, recipe, CPU, captured=not captured)
    trained(earlier, layer.weight)
    state = earlier.state_dict()
    for group in state["param_groups"]:
        group.update(fused=False, foreach=True)
    optimizer = make_optimizer(layer, recipe, CPU, captured=captured)
    load_state(optimizer, state)
    kept = [
        [group[n] for n in ("capturable", "fused", "foreach")] for group in optimizer.param_groups
    ]
    assert kept == [[captured, True, None]] * 2
    assert [isinstance(group["lr"], torch.Tensor) for group in optimizer.param_groups] == [
        captured
    ] * 2
    assert float(optimizer.state[layer.weight]["step"]) == 7
    trained(optimizer, layer.weight)


def test_frozen_weights_are_in_no_group(small_network: Network) -> None:
    small_network.stem.requires_grad_(False)
    optimizer = make_optimizer(small_network, load_recipe("cifar"), CPU)
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    assert held.isdisjoint(id(weight) for weight in small_network.stem.parameters())
