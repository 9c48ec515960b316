"""What a training step keeps, beside torch's own memory tracker."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker

from nas.archs import find_network
from nas.model import build
from nas.training_memory import training_memory

BATCH = 8


def tracked(name: str, resolution: int) -> dict[str, int]:
    """Bytes by kind between forward and backward pass, as torch tracks them on fake tensors."""
    arch = dataclasses.replace(find_network(name), resolution=resolution)
    with FakeTensorMode():
        network = build(arch).train()
        tracker = MemTracker()
        tracker.track_external(network)
        with tracker:
            loss = network(torch.empty(BATCH, 3, resolution, resolution)).sum()
            (now,) = tracker.get_tracker_snapshot("current").values()
            loss.backward()
    return {str(kind).removeprefix("_MemRefType."): size for kind, size in now.items()}


@pytest.mark.parametrize("name", ["efficientnet-b0", "mobilenet-v2", "resnet-18"])
def test_what_is_kept_is_what_torch_s_tracker_sees(name: str) -> None:
    arch = dataclasses.replace(find_network(name), resolution=96)
    memory = training_memory(arch)
    seen = tracked(name, 96)
    assert BATCH * memory.per_image == pytest.approx(seen["ACT"], rel=0.05)
    assert memory.weights == pytest.approx(seen["PARAM"] + seen["BUFFER"], rel=0.001)


def test_a_step_needs_weights_gradients_and_moments() -> None:
    memory = training_memory(dataclasses.replace(find_network("efficientnet-b0"), resolution=32))
    assert memory.step(0, 2) == memory.weights + 3 * memory.parameters
    assert memory.step(5, 0) - memory.step(4, 0) == memory.per_image
