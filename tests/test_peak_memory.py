"""Peak activation memory by arithmetic, against the life of every tensor of a traced network."""

import operator
import random

import torch
from drawn_networks import networks
from hypothesis import HealthCheck, given, settings
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from nas.archs import resized
from nas.cost import network_cost
from nas.model import build
from nas.modules import StochasticDepth
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import random_network

# What a runtime folds into the layer before, or does in place.
IN_PLACE_MODULES = (
    nn.BatchNorm2d,
    nn.SiLU,
    nn.ReLU,
    nn.ReLU6,
    nn.Hardswish,
    nn.Sigmoid,
    nn.Hardsigmoid,
    nn.Identity,
    nn.Dropout,
    StochasticDepth,
)
IN_PLACE_FUNCTIONS = (operator.mul, operator.add, torch.flatten)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module, name):
        return isinstance(module, StochasticDepth) or super().is_leaf_module(module, name)


def peak_live_bytes(arch) -> int:
    """The most bytes of tensors that are alive at once, one image at float32."""
    network = build(arch, device="meta").eval()
    traced = fx.GraphModule(network, _Tracer().trace(network))
    images = torch.empty(1, arch.in_channels, arch.resolution, arch.resolution, device="meta")
    ShapeProp(traced).propagate(images)
    modules = dict(traced.named_modules())
    storage: dict[fx.Node, fx.Node] = {}
    born: dict[fx.Node, int] = {}
    last_used: dict[fx.Node, int] = {}
    size: dict[fx.Node, int] = {}
    nodes = list(traced.graph.nodes)
    for moment, node in enumerate(nodes):
        inputs = [storage[argument] for argument in node.all_input_nodes]
        for owner in inputs:
            last_used[owner] = moment
        if node.op == "output":
            continue
        in_place = (
            node.op == "call_module" and isinstance(modules[node.target], IN_PLACE_MODULES)
        ) or (node.op == "call_function" and node.target in IN_PLACE_FUNCTIONS)
        if in_place:
            shape = node.meta["tensor_meta"].shape
            # The operand of full size takes the result: features of features * gate.
            owner = next(o for o in inputs if size[o] == 4 * shape.numel())
        else:
            owner = node
            born[node] = moment
            size[node] = 4 * node.meta["tensor_meta"].shape.numel()
        storage[node] = owner
        last_used[owner] = moment
    return max(
        sum(size[o] for o in size if born[o] <= moment <= last_used[o])
        for moment in range(len(nodes))
    )


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(networks)
def test_peak_memory_is_that_of_the_live_tensors(arch):
    assert network_cost(arch).peak_activation_bytes == peak_live_bytes(arch)


def test_peak_memory_of_the_space_is_that_of_the_live_tensors():
    source = random.Random(5)
    for _ in range(15):
        arch, _ = random_network(MBConvSpace(), source)
        arch = resized(arch, resolution=source.randrange(1, 120))
        assert network_cost(arch).peak_activation_bytes == peak_live_bytes(arch)


def test_b0_needs_the_input_and_output_of_its_first_stride_2_depthwise_convolution():
    # 96 channels at 112 px in, at 56 px out.
    assert network_cost(efficientnet_b0()).peak_activation_bytes == 4 * 96 * (112**2 + 56**2)
