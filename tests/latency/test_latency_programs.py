"""A program computes what its module computes: in PyTorch, and as an ONNX file."""

from __future__ import annotations

import dataclasses
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from nas.archs import find_network, resized
from nas.latency.onnx_bytes import onnx_bytes
from nas.latency.onnx_models import onnx_model, state_weights
from nas.latency.parts import parts_of
from nas.latency.program import chained
from nas.latency.programs import part_programs
from nas.latency.subjects import Subject
from nas.latency.torch_program import torch_module
from nas.latency.tracing import UntracedError, program_of
from nas.model import build
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec

SE = SqueezeExcite()
NETWORKS = {
    "mbconv": [StageSpec("mbconv", 8, 2, stride=2, kernel=5, expand_ratio=4, se=SE)],
    "fused": [StageSpec("fused-mbconv", 8, 2, stride=2, expand_ratio=2, se=SE)],
    "separable": [StageSpec("separable", 8, 2, stride=2), StageSpec("conv", 12, 1, se=SE)],
    "pooled skip": [StageSpec("mbconv", 12, 2, stride=2, options=(("skip", "pool"),))],
    "resnet": [
        StageSpec("basic", 8, 1, stride=2),
        StageSpec("bottleneck", 16, 2, stride=2, expand_ratio=0.5, options=(("groups", 2),)),
    ],
}


def network(name: str, activation: str = "silu") -> ArchSpec:
    se = SqueezeExcite(of="expanded", gate="hard-sigmoid", activation="relu")
    head = HeadSpec(24, hidden=16) if name != "resnet" else HeadSpec()
    stages = [
        dataclasses.replace(stage, se=se) if stage.se and activation == "hard-swish" else stage
        for stage in NETWORKS[name]
    ]
    stem = StemSpec(8, max_pool=name == "resnet")
    return ArchSpec(stem, tuple(stages), head, resolution=19, classes=5, activation=activation)


def trained(module: nn.Module) -> nn.Module:
    """Weights and batch statistics of which none is 0 or 1."""
    torch.manual_seed(0)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.3)
            each.running_var.uniform_(0.5, 2)
            nn.init.uniform_(each.weight, 0.5, 2)
            nn.init.normal_(each.bias)
    return module.eval()


def by_onnx(content: bytes, images: torch.Tensor) -> torch.Tensor:
    onnx.checker.check_model(content, full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"images": images.numpy()})
    return torch.from_numpy(output)


def state(program: dict[str, Any], module: nn.Module) -> dict[str, torch.Tensor]:
    """A module's weights by the names of the program's own module."""
    own = module.state_dict()
    return {
        f"layers.{index}.{name.removeprefix(step['name'] + '.')}": value
        for index, step in enumerate(program["steps"])
        if "name" in step
        for name, value in own.items()
        if name.rpartition(".")[0] == step["name"]
    }


@pytest.mark.parametrize("activation", ["silu", "hard-swish", "relu6"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_program_is_the_network(name: str, activation: str) -> None:
    arch = network(name, activation)
    module = trained(build(arch, seed=1))
    program = program_of(module, arch.in_channels, arch.resolution)
    images = torch.randn(2, 3, arch.resolution, arch.resolution)
    again = torch_module(program).eval()
    again.load_state_dict(state(program, module))
    with torch.no_grad():
        expected = module(images)
        torch.testing.assert_close(again(images), expected)
    found = by_onnx(onnx_bytes(program, state_weights(module), batch=2), images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_programs_of_its_parts_chained_are_the_network_s_steps() -> None:
    arch = network("resnet")
    parts = parts_of(arch)
    programs = part_programs(arch, {part.key for part in parts})
    whole = program_of(build(arch, device="meta"), arch.in_channels, arch.resolution)
    joined = chained([programs[part.key] for part in parts])

    def plain(program: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {key: value for key, value in step.items() if key != "name"}
            for step in program["steps"]
        ]

    assert plain(joined) == plain(whole)
    assert (joined["input"], joined["output"]) == (whole["input"], whole["output"])


@pytest.mark.parametrize("name", ["densenet121", "inception_v3", "efficientnet_v2_s"])
def test_torchvision_s_networks_have_programs(name: str) -> None:
    from torchvision import models

    settings = {"init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):
        module = getattr(models, name)(weights=None, **settings)
    program = program_of(module, 3, 299, (1000,))
    assert program["steps"][-1]["out"] == 1000


def test_timm_s_batch_norms_with_an_activation_have_steps() -> None:
    import timm

    module = trained(timm.create_model("mnasnet_small", num_classes=3))
    images = torch.randn(1, 3, 32, 32)
    program = program_of(module, 3, 32)
    with torch.no_grad():
        expected = module(images)
    found = by_onnx(onnx_bytes(program, state_weights(module)), images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


class Rolled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.roll(self.conv(images), 1, 2)


def test_what_has_no_step_is_named_and_left_to_torch_s_exporter() -> None:
    with pytest.raises(UntracedError, match="no step for roll"):
        program_of(Rolled(), 3, 8)
    content = onnx_model(Subject("rolled", Rolled, 3, 8), batch=1)
    onnx.checker.check_model(content)


def test_b0_s_program_has_b0_s_multiply_adds() -> None:
    arch = resized(find_network("efficientnet-b0"), resolution=224)
    program = program_of(build(arch, device="meta"), 3, 224, (1000,))
    module = torch_module(program)
    from nas.measure import torch_flops

    module.spec = arch
    assert torch_flops(module.to("meta").eval()) == 385_814_752
