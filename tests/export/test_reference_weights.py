"""Weights of the reference networks go both ways, and the same logits come out."""

import dataclasses

import pytest
import torch
from library_networks import PAIRS, library_network
from torch import nn

from nas.archs import find_network
from nas.errors import SpecError
from nas.export.keymaps import (
    family_of,
    from_timm,
    from_torchvision,
    key_map,
    to_timm,
    to_torchvision,
)
from nas.model import build
from nas.spec import HeadSpec, NormSpec, StageSpec

LIBRARIES = {"torchvision": (from_torchvision, to_torchvision), "timm": (from_timm, to_timm)}
# One network for each way of naming; EfficientNet's are in tests/test_model.py.
RUN = (
    "resnet-18",
    "resnet-50",
    "resnext-50-32x4d",
    "mobilenet-v1",
    "mobilenet-v2",
    "mobilenet-v3-small",
    "mobilenet-v3-large",
    "mnasnet-a1",
)
RESOLUTION = 65


def give_random_statistics(network: nn.Module, images: torch.Tensor) -> None:
    """Batch norms that have seen data, then random ones: untrained defaults would hide a swap."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
        for norm in norms:
            norm.weight.uniform_(0.8, 1.2)
            norm.bias.normal_(0, 0.1)
            norm.running_mean.add_(0.1 * torch.randn_like(norm.running_mean))
            norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.8, 1.2))
        # Logits of one standard deviation, so that differences mean the same for every network.
        classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
        scale = network.eval()(images).std()
        classifier.weight.div_(scale)
        classifier.bias.div_(scale)


@pytest.mark.parametrize(("library", "name", "theirs"), [pair for pair in PAIRS if pair[1] in RUN])
def test_the_same_logits_come_out(library: str, name: str, theirs: str) -> None:
    read, write = LIBRARIES[library]
    torch.manual_seed(1)
    network = library_network(library, theirs)
    images = torch.randn(4, 3, RESOLUTION, RESOLUTION)
    give_random_statistics(network, images)
    (eps,) = {m.eps for m in network.modules() if isinstance(m, nn.BatchNorm2d)}
    arch = dataclasses.replace(find_network(name), norm=NormSpec(eps=eps))
    ours = build(arch).eval()
    ours.load_state_dict(read(arch, network.state_dict()), strict=True)
    with torch.inference_mode():
        expected, found = network(images), ours(images)
    assert expected.std() > 0.9
    assert (found - expected).abs().max() < 1e-5
    # And back: every tensor under its old name, in its old shape.
    back = write(arch, ours.state_dict())
    state = network.state_dict()
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)


@pytest.mark.parametrize(("library", "name", "theirs"), PAIRS)
def test_every_tensor_has_its_librarys_name_and_shape(library: str, name: str, theirs: str) -> None:
    arch = find_network(name)
    with torch.device("meta"):
        state = library_network(library, theirs).state_dict()
    ours = build(arch, device="meta").state_dict()
    assert set(key_map(arch, library)) == set(ours)
    written = LIBRARIES[library][1](arch, ours)
    assert {key: tensor.shape for key, tensor in written.items()} == {
        key: tensor.shape for key, tensor in state.items()
    }
    again = LIBRARIES[library][0](arch, written)
    assert {key: tensor.shape for key, tensor in again.items()} == {
        key: tensor.shape for key, tensor in ours.items()
    }


def test_the_family_follows_from_the_spec() -> None:
    families = {name: family_of(find_network(name)) for _, name, _ in PAIRS}
    for name, family in families.items():
        expected = "resnet" if name.startswith("resnext") else name
        expected = "efficientnet" if name == "mnasnet-a1" else expected
        assert expected.startswith(family), name


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("mobilenet-v1", {}, "torchvision has no MobileNetV1"),
        ("resnet-18", {"head": HeadSpec(64)}, r"head\.channels is set; torchvision's ResNet"),
        ("resnet-18", {"head": HeadSpec(hidden=8)}, r"head\.hidden is set; torchvision's ResNet"),
        ("resnet-18", {"stages": (StageSpec("basic", 8, 1),)}, "stages has 1 entries"),
        ("mobilenet-v3-small", {"head": HeadSpec(hidden=8)}, r"head\.channels is absent"),
        ("mobilenet-v2", {"head": HeadSpec()}, r"head\.channels is absent.*MobileNetV2"),
    ],
)
def test_what_has_no_place_is_named(name: str, changes: dict, message: str) -> None:
    arch = dataclasses.replace(find_network(name), **changes)
    with pytest.raises(SpecError, match=message) as caught:
        key_map(arch, "torchvision")
    assert "\n" not in str(caught.value)


def test_a_pooled_skip_has_no_place_anywhere() -> None:
    arch = find_network("mobilenet-v2")
    stage = dataclasses.replace(arch.stages[1], options=(("skip", "pool"),))
    stages = (arch.stages[0], stage, *arch.stages[2:])
    for library in LIBRARIES:
        with pytest.raises(SpecError, match=r"stages\[1\]\.options\.skip is 'pool'; " + library):
            key_map(dataclasses.replace(arch, stages=stages), library)


def test_a_mixture_of_resnet_blocks_is_refused() -> None:
    arch = find_network("resnet-18")
    stages = (*arch.stages[:3], StageSpec("bottleneck", 512, 2, stride=2))
    with pytest.raises(SpecError, match=r"stages\[3\]\.block is 'bottleneck'; timm's ResNet"):
        key_map(dataclasses.replace(arch, stages=stages), "timm")
