"""The reference networks cost what the libraries' networks of the same names cost."""

from __future__ import annotations

import pytest
import torch
from library_networks import PAIRS, TIMM, TORCHVISION, library_network

from nas.archs import find_network, reference_networks, resized
from nas.cost import network_cost
from nas.counting import count
from nas.errors import SpecError
from nas.opaque import OPAQUE_NETWORKS
from nas.references import REFERENCES
from nas.testing import check_network

# parameters, FLOPs and activations at 224 px, as torchvision's and timm's networks count.
GOLDEN = {
    "mobilenet-v1": (4_231_976, 568_740_352, 5_042_688),
    "mobilenet-v2": (3_504_872, 300_774_272, 6_678_112),
    "mobilenet-v3-small": (2_542_856, 56_510_400, 1_415_656),
    "mobilenet-v3-large": (5_483_032, 216_589_760, 4_404_888),
    "mnasnet-a1": (3_887_038, 311_579_072, 6_226_062),
    "resnet-18": (11_689_512, 1_814_073_344, 2_483_712),
    "resnet-34": (21_797_672, 3_663_761_408, 3_738_112),
    "resnet-50": (25_557_032, 4_089_184_256, 11_113_984),
    "resnet-101": (44_549_160, 7_801_405_440, 16_231_936),
    "resnet-152": (60_192_808, 11_513_626_624, 22_554_112),
    "resnext-50-32x4d": (25_028_904, 4_230_479_872, 14_400_512),
    "resnext-101-64x4d": (83_455_272, 15_460_270_080, 31_209_472),
}
# Caches and recorded runs know networks by digest.
DIGESTS = {
    "efficientnet-b0": "040f8191fc0026ca",
    "efficientnet-b7": "1080558b3ff0fb78",
    "mobilenet-v1": "3ce237c54c85c8bc",
    "mobilenet-v2": "0edd1bfa5470800c",
    "mobilenet-v3-small": "141ec8b6973aee9f",
    "mobilenet-v3-large": "8fcedb03308f2cbf",
    "mnasnet-a1": "ee76d4739ecfcd13",
    "resnet-18": "d08df36f07a79dc8",
    "resnet-34": "834b94e61c2ffc82",
    "resnet-50": "5633ba308e8a1092",
    "resnet-101": "a4188b6db7e1f998",
    "resnet-152": "8a5eb0c9b32f0f1c",
    "resnext-50-32x4d": "ede5b3823ccea0a3",
    "resnext-101-64x4d": "6ca4e4e7cfd21e7b",
}


def theirs_of(name: str) -> tuple[str, str]:
    """The library that a reference says it equals, and its name there."""
    library, _, theirs = REFERENCES[name].same_as.partition(" ")
    return library, theirs


@pytest.mark.parametrize("name", GOLDEN)
def test_a_reference_costs_what_it_should(name: str) -> None:
    cost = network_cost(find_network(name))
    assert (cost.params, cost.flops, cost.activations) == GOLDEN[name]


@pytest.mark.parametrize("name", DIGESTS)
def test_a_reference_keeps_its_identity(name: str) -> None:
    assert find_network(name).digest() == DIGESTS[name]


@pytest.mark.parametrize(("library", "name", "theirs"), PAIRS)
def test_the_librarys_network_costs_the_same(library: str, name: str, theirs: str) -> None:
    arch = find_network(name)
    cost = network_cost(arch)
    with torch.device("meta"):
        network = library_network(library, theirs)
    counted = count(network, 3, arch.resolution)
    assert counted.params == cost.params
    assert counted.flops == cost.flops
    assert counted.weight_bytes == cost.weight_bytes
    # timm's MobileNetV3 has a 1x1 convolution where others have a linear layer.
    hidden = arch.head.hidden or 0 if library == "timm" else 0
    assert counted.activations == cost.activations + hidden


@pytest.mark.parametrize("name", ["mobilenet-v3-small", "resnet-18", "mobilenet-v1"])
@pytest.mark.parametrize("resolution", [33, 97, 160])
def test_they_cost_the_same_at_other_sizes(name: str, resolution: int) -> None:
    with torch.device("meta"):
        network = library_network(*theirs_of(name))
    cost = network_cost(resized(find_network(name), resolution=resolution))
    counted = count(network, 3, resolution)
    assert (counted.flops, counted.activations) == (cost.flops, cost.activations)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_says_what_it_equals(name: str) -> None:
    library, theirs = theirs_of(name)
    assert {"torchvision": TORCHVISION, "timm": TIMM}[library][name] == theirs
    assert reference_networks()[name]().name == name


@pytest.mark.parametrize("name", GOLDEN)
def test_a_reference_keeps_the_contract_of_a_network(name: str) -> None:
    check_network(find_network(name))


@pytest.mark.parametrize("name", OPAQUE_NETWORKS)
def test_the_kept_counts_are_what_torch_counts(name: str) -> None:
    pytest.importorskip("torchvision")
    network = OPAQUE_NETWORKS[name]
    counted = network.count()
    assert counted.shape == (1000,)
    for figure in ("flops", "params", "activations", "weight_bytes"):
        assert getattr(counted, figure) == getattr(network, figure), figure


@pytest.mark.parametrize(
    ("name", "timms"), [("densenet-121", "densenet121"), ("inception-v3", "inception_v3")]
)
def test_timms_network_has_the_kept_counts_too(name: str, timms: str) -> None:
    network = OPAQUE_NETWORKS[name]
    with torch.device("meta"):
        counted = count(library_network("timm", timms), 3, network.resolution)
    assert (counted.flops, counted.params) == (network.flops, network.params)


@pytest.mark.parametrize("name", OPAQUE_NETWORKS)
def test_an_opaque_network_is_no_spec_and_says_so(name: str) -> None:
    with pytest.raises(SpecError, match=f"{name} is known by its cost.*nas cost {name}") as caught:
        find_network(name)
    assert "\n" not in str(caught.value)
