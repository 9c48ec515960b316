import dataclasses
import random

import pytest
import torch
from drawn_networks import networks
from hypothesis import HealthCheck, given, settings

from nas.archs import resized
from nas.cost import network_cost
from nas.measure import (
    conv_activations,
    count_params,
    fvcore_counts,
    state_bytes,
    torch_flops,
    verify,
)
from nas.model import build
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import random_network
from nas.spec import StageSpec

RESOLUTIONS = (32, 65, 97, 128, 161, 192, 224, 255, 320)


def assert_counted_alike(arch):
    cost = network_cost(arch)
    network = build(arch, device="meta").eval()
    assert torch_flops(network) == cost.flops
    assert count_params(network) == cost.params
    assert conv_activations(network) == cost.activations
    assert state_bytes(network) == cost.weight_bytes


@pytest.mark.parametrize("seed", range(10))
def test_networks_of_the_space_cost_what_torch_counts(seed):
    # 8 networks a seed: 80 in all.
    source = random.Random(seed)
    for _ in range(8):
        arch, _ = random_network(MBConvSpace(), source)
        arch = resized(
            arch,
            resolution=source.choice(RESOLUTIONS),
            classes=source.choice((1, 10, 1000)),
            in_channels=source.choice((1, 3, 4)),
        )
        assert_counted_alike(arch)


@settings(
    max_examples=160,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(networks)
def test_networks_of_any_kind_cost_what_torch_counts(arch):
    assert_counted_alike(arch)


@pytest.mark.parametrize(("resolution", "classes"), [(None, None), (65, 10)])
def test_b0_is_verified_to_the_unit(resolution, classes):
    verification = verify(resized(efficientnet_b0(), resolution=resolution, classes=classes))
    assert verification.matches
    assert verification.mismatches == ()
    assert {check.what for check in verification.checks} == {
        "flops",
        "params",
        "activations",
        "weight_bytes",
    }
    assert verification.fvcore_other["batch_norm"] > 0
    assert not {"conv", "linear"} & set(verification.fvcore_other)


def test_fvcore_counts_batch_norm_beside_our_flops():
    # The figure that others report for B0: conv + linear, and 2 per batch-normed element.
    counts = fvcore_counts(efficientnet_b0())
    assert counts == {"conv": 384_534_752, "linear": 1_280_000, "batch_norm": 13_475_392}


def test_fvcore_agrees_on_random_networks():
    source = random.Random(11)
    for _ in range(20):
        arch, _ = random_network(MBConvSpace(), source)
        arch = resized(arch, resolution=source.randrange(32, 97), classes=source.randrange(1, 50))
        counts = fvcore_counts(arch)
        assert counts["conv"] + counts["linear"] == network_cost(arch).flops


def test_fvcore_is_silent(capsys, caplog, recwarn):
    fvcore_counts(resized(efficientnet_b0(), resolution=32))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert caplog.records == []
    assert list(recwarn) == []


def test_a_wrong_cost_rule_is_found(wrong_block):
    arch = dataclasses.replace(
        efficientnet_b0(), stages=(StageSpec(wrong_block, 16, 1),), resolution=32
    )
    verification = verify(arch)
    assert not verification.matches
    differing = {(check.what, check.counter) for check in verification.mismatches}
    assert differing == {
        ("flops", "torch FlopCounterMode / 2"),
        ("flops", "fvcore conv + linear"),
    }
    flops = verification.checks[0]
    assert flops.by_arithmetic == flops.counted + 1


def test_measuring_leaves_the_network_as_it_was():
    network = build(resized(efficientnet_b0(), resolution=32), device="meta").eval()
    conv_activations(network)
    assert not any(module._forward_hooks for module in network.modules())


def test_measuring_draws_no_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    verify(resized(efficientnet_b0(), resolution=32))
    assert torch.equal(torch.rand(1), expected)
