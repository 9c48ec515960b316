"""Every part of a captured step keeps the rules of a capture, on a GPU that is only pretended.

Two readings of the same step. On the CPU with real values and a real backward pass: nothing waits
for the host. With torch's fake tensors on `cuda:0`: nothing mixes devices or copies between them.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from captured_rules import (
    GPU,
    CaptureRules,
    IllegalError,
    on_pretended_gpu,
    pretended_gpu,
)
from learnable import coloured_squares, small_spec
from torch import Tensor, nn

from nas.archs import find_network, resized
from nas.model import build
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.training.augment import Augmentation, prepare_for_evaluation
from nas.training.averaging import Average, own_state_kept, recalibrate
from nas.training.devices import autocast
from nas.training.evaluating import _judged
from nas.training.graphed import why_not_captured
from nas.training.network_settings import apply_settings
from nas.training.optimizers import make_optimizer, set_rate
from nas.training.recipe import load_recipe, recipe_names
from nas.training.step import TrainingStep

CPU = torch.device("cpu")
RECIPES = [name for name in recipe_names() if why_not_captured(load_recipe(name)) is None]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"crop": "pad"},
    {"crop": "none", "flip": False},
    {"random_erasing": 0.5},
    {"label_smoothing": 0.1},
    {"clip": 0.0},
    {"clip": 1.0, "optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.0},
    {"dropout": 0.2, "drop_path": 0.2},
    {"channels_last": False},
    {"bf16": False},
]
CASES = [(name, {}) for name in RECIPES] + [("short", settings) for settings in OPTIONS]


def name_of(case: object) -> str:
    return " ".join(f"{k}={v}" for k, v in case.items()) if isinstance(case, dict) else str(case)


def every_block() -> ArchSpec:
    """A small network with a block of every kind, squeeze-excite and pooled skips."""
    ratios = {"mbconv": 2, "fused-mbconv": 2, "separable": 1, "conv": 1, "basic": 1}
    settings: dict[str, Any] = {"channels": 16, "layers": 2, "kernel": 3, "stride": 2}
    stages = tuple(
        StageSpec(block=kind, expand_ratio=ratios.get(kind, 1), **settings)
        for kind in (*ratios, "bottleneck")
    )
    return ArchSpec(
        stem=StemSpec(channels=8, kernel=3, stride=1),
        stages=stages,
        head=HeadSpec(channels=16, dropout=0.1),
        resolution=64,
        classes=4,
        drop_path=0.2,
    )


def make_step(
    recipe_name: str, settings: dict[str, Any], network: nn.Module, device: torch.device, px: int
) -> TrainingStep:
    recipe = load_recipe(recipe_name, **settings)
    if device == GPU:
        on_pretended_gpu(network, recipe.channels_last)
    # How weights begin is set before they are on a device; here they have no values.
    apply_settings(network, recipe, fresh=device == CPU)
    if device == CPU and recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    return TrainingStep(
        network.train(),
        # Capturable optimisers refuse to run on the CPU.
        make_optimizer(network, recipe, device, captured=device == GPU),
        recipe,
        Augmentation(recipe, px + 4, px),
        device=device,
        classes=4,
        generator=torch.Generator(),
        host_generator=torch.Generator(),
    )


@pytest.mark.parametrize(("recipe", "settings"), CASES, ids=name_of)
def test_a_captured_step_never_waits_for_the_host(recipe: str, settings: dict[str, Any]) -> None:
    step = make_step(recipe, settings, build(small_spec(dropout=0.1, drop_path=0.1)), CPU, 16)
    pixels = coloured_squares(8, px=20)
    step(pixels.images, pixels.labels)  # makes the optimiser's state, as a warm-up does
    with CaptureRules() as rules:
        step(pixels.images, pixels.labels)
    assert rules.operations > 200


@pytest.mark.parametrize(("recipe", "settings"), CASES, ids=name_of)
def test_a_captured_step_stays_on_the_gpu(recipe: str, settings: dict[str, Any]) -> None:
    network = build(small_spec(dropout=0.1, drop_path=0.1))
    with pretended_gpu():
        step = make_step(recipe, settings, network, GPU, 16)
        images = torch.empty(8, 3, 20, 20, dtype=torch.uint8, device=GPU)
        labels = torch.empty(8, dtype=torch.int64, device=GPU)
        with CaptureRules():
            step(images, labels)
        set_rate(step.optimizer, 1e-3)
        with CaptureRules() as rules:
            loss = step(images, labels)
    assert (loss.device, loss.shape) == (GPU, ())
    assert rules.operations > 100


def test_every_kind_of_block_can_be_captured() -> None:
    step = make_step("short", {}, build(every_block(), seed=0), CPU, 64)
    pixels = coloured_squares(4, px=68)
    step(pixels.images, pixels.labels)
    with CaptureRules():
        step(pixels.images, pixels.labels)


@pytest.mark.parametrize("name", ["mobilenet-v3-large", "resnet-50"])
def test_reference_networks_stay_on_the_gpu(name: str) -> None:
    network = build(resized(find_network(name), resolution=32, classes=4), device="meta")
    with pretended_gpu():
        step = make_step("short", {}, network, GPU, 32)
        images = torch.empty(8, 3, 36, 36, dtype=torch.uint8, device=GPU)
        with CaptureRules():
            step(images, torch.empty(8, dtype=torch.int64, device=GPU))


def test_averages_statistics_and_evaluation_stay_on_the_gpu() -> None:
    """What runs between the steps, as one kernel at a time."""
    recipe = load_recipe("short")
    network = build(small_spec())
    with pretended_gpu(), CaptureRules():
        on_pretended_gpu(network)
        average = Average(network, 0.99)
        average.update()
        images = torch.empty(8, 3, 16, 16, dtype=torch.uint8, device=GPU)
        with own_state_kept(network):
            average.copy_to_network()
            with autocast(GPU, recipe.bf16):
                recalibrate(network.train(), [prepare_for_evaluation(images, 16)])
        network.eval()
        labels = torch.empty(8, dtype=torch.int64, device=GPU)
        with torch.no_grad(), autocast(GPU, recipe.bf16):
            assert network(prepare_for_evaluation(images, 16)).dtype == torch.bfloat16
            assert _judged(network, images, labels, 16).device == GPU


def test_without_bfloat16_units_a_gpu_computes_in_float32() -> None:
    with pretended_gpu(bf16=False):
        network = on_pretended_gpu(build(small_spec())).eval()
        images = torch.empty(2, 3, 16, 16, device=GPU)
        with torch.no_grad(), autocast(GPU, True):
            assert network(images).dtype == torch.float32


class Slips(nn.Module):
    """Does to its features what a capture does not allow."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, features: Tensor) -> Tensor:
        if self.kind == "item":
            return features * float(features.mean().item())
        if self.kind == "branch":
            return features if bool(features.sum() > 0) else -features
        if self.kind == "mask":
            return features[features[:, 0, 0, 0] > -9]
        if self.kind == "constant":
            return features * torch.tensor([2.0], device=features.device)
        return features + torch.zeros(features.shape[1:]).to(features.device)


@pytest.mark.parametrize("kind", ["item", "branch", "mask"])
def test_the_rules_find_what_waits(kind: str) -> None:
    step = make_step("short", {}, nn.Sequential(Slips(kind), build(small_spec())), CPU, 16)
    pixels = coloured_squares(8, px=20)
    with pytest.raises(IllegalError, match="makes the host wait"), CaptureRules():
        step(pixels.images, pixels.labels)


@pytest.mark.parametrize("kind", ["constant", "copy"])
def test_the_rules_find_what_is_copied_to_the_gpu(kind: str) -> None:
    network = build(small_spec())
    with pretended_gpu():
        step = make_step("short", {}, nn.Sequential(Slips(kind), network), GPU, 16)
        images = torch.empty(8, 3, 20, 20, dtype=torch.uint8, device=GPU)
        labels = torch.empty(8, dtype=torch.int64, device=GPU)
        with pytest.raises(IllegalError, match="copies between"), CaptureRules():
            step(images, labels)


def test_mixed_devices_are_found() -> None:
    with pretended_gpu(), pytest.raises(RuntimeError, match="device"):
        torch.empty(4, device=GPU) + torch.empty(4)
