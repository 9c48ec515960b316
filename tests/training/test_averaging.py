"""The average is torch's; batch-norm statistics taken anew are torch's `update_bn`."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim import swa_utils

from nas.model import Network
from nas.training.averaging import Average, own_state_kept, recalibrate


def jitter(network: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.1)


def test_the_average_is_torchs_once_it_is_warm(small_network: Network) -> None:
    decay, generator = 0.5, torch.Generator().manual_seed(0)
    theirs = swa_utils.AveragedModel(
        small_network, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(decay), use_buffers=True
    )
    theirs.update_parameters(small_network)  # torch's first update copies
    average = Average(small_network, decay)
    average.steps = 1000  # past the warm-up, in which the decay is smaller
    for _ in range(5):
        jitter(small_network, generator)
        average.update()
        theirs.update_parameters(small_network)
    average.copy_to_network()
    for ours, other in zip(small_network.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(ours, other)


def test_the_first_decays_are_tensorflows(small_network: Network) -> None:
    average = Average(small_network, 0.9999)
    weight = small_network.head.classifier.weight
    expected = weight.detach().clone()
    for step in range(4):
        jitter(small_network, torch.Generator().manual_seed(step))
        average.update()
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay) * weight.detach()
    average.copy_to_network()
    torch.testing.assert_close(weight.detach(), expected)


def test_recalibrated_statistics_are_update_bns(small_network: Network) -> None:
    batches = [torch.randn(8, 3, 16, 16) + 1 for _ in range(3)]
    other = copy.deepcopy(small_network).train()
    small_network.train()
    recalibrate(small_network, iter(batches))
    swa_utils.update_bn(batches, other)
    pairs = zip(small_network.named_buffers(), other.named_buffers(), strict=True)
    for (name, ours), (_, theirs) in pairs:
        torch.testing.assert_close(ours, theirs, msg=name)
    norm = small_network.stem.norm
    assert norm.momentum == other.stem.norm.momentum
    assert all(module.training for module in small_network.modules())


def test_frozen_norms_keep_their_statistics(small_network: Network) -> None:
    small_network.train()
    small_network.stem.eval()
    before = small_network.stem.norm.running_mean.clone()
    recalibrate(small_network, [torch.randn(8, 3, 16, 16)])
    assert torch.equal(before, small_network.stem.norm.running_mean)
    assert not small_network.stem.training
    assert small_network.stages.training


def test_the_networks_own_state_comes_back(small_network: Network) -> None:
    before = copy.deepcopy(small_network.state_dict())
    with own_state_kept(small_network):
        jitter(small_network, torch.Generator())
        recalibrate(small_network.train(), [torch.randn(8, 3, 16, 16)])
    for name, value in small_network.state_dict().items():
        assert torch.equal(value, before[name])
