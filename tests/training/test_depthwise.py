"""Depthwise convolutions computed otherwise give torch's gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas.training.depthwise import fast_depthwise, weight_gradient

CPU = torch.device("cpu")


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("side", [(1, 1), (2, 3), (4, 4), (5, 2), (9, 8)])
def test_the_gradient_is_torchs(kernel: int, stride: int, side: tuple[int, int]) -> None:
    draws = torch.Generator().manual_seed(kernel)
    features = torch.randn(3, 6, *side, generator=draws)
    weight = torch.randn(6, 1, kernel, kernel, generator=draws, requires_grad=True)
    padding = kernel // 2
    result = torch.conv2d(features, weight, None, stride, padding, 1, 6)
    gradient = torch.randn(result.shape, generator=draws)
    (theirs,) = torch.autograd.grad(result, weight, gradient)
    sizes = (kernel, kernel), (stride, stride), (padding, padding)
    ours = weight_gradient(features, gradient, *sizes)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("px", [1, 4, 6])
def test_a_network_computes_the_same_and_is_left_as_it_was(px: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 1),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),
        nn.Conv2d(8, 4, 3, padding=1, groups=4, bias=False),
    ).to(memory_format=torch.channels_last)
    images = torch.randn(5, 3, px, px).contiguous(memory_format=torch.channels_last)

    def gradients() -> list[torch.Tensor]:
        leaf = images.clone().requires_grad_()
        result = network(leaf).square().sum()
        return [result, *torch.autograd.grad(result, [leaf, *network.parameters()])]

    theirs = gradients()
    names = [sorted(vars(module)) for module in network]
    with fast_depthwise(network, CPU):
        ours = gradients()
        assert sum("_conv_forward" in vars(module) for module in network) == 2
    assert names == [sorted(vars(module)) for module in network]
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_other_devices_have_kernels_of_their_own() -> None:
    network = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4, bias=False))
    with fast_depthwise(network, torch.device("meta")):
        assert "_conv_forward" not in vars(network[0])
