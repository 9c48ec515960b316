import dataclasses
import math

import pytest
import torch
from torch import nn

from nas.archs import resized
from nas.export.keymaps import from_timm, from_torchvision, to_timm, to_torchvision
from nas.model import build
from nas.modules import StochasticDepth, initialise
from nas.scaling.published import published_member
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec, HeadSpec, NormSpec, SqueezeExcite, StageSpec, StemSpec

LIBRARIES = {"torchvision": (from_torchvision, to_torchvision), "timm": (from_timm, to_timm)}
# A few sizes of the family, small images: the arithmetic is the same at any resolution.
CASES = [("b0", 96), ("b1", 65), ("b3", 64), ("b5", 64)]
TINY = ArchSpec(
    stem=StemSpec(8),
    stages=(StageSpec("mbconv", 8, 3, expand_ratio=4, se=SqueezeExcite()),),
    head=HeadSpec(16),
    resolution=16,
    classes=5,
)


def library_network(library, member):
    pytest.importorskip(library)
    if library == "timm":
        import timm

        return timm.create_model(f"efficientnet_{member}")
    import torchvision

    return getattr(torchvision.models, f"efficientnet_{member}")()


def batch_norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def give_random_statistics(network, images):
    """Batch norms that have seen data, then random ones: untrained defaults would hide a swap."""
    for norm in batch_norms(network):
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
        for norm in batch_norms(network):
            norm.weight.uniform_(0.8, 1.2)
            norm.bias.normal_(0, 0.1)
            norm.running_mean.add_(0.1 * torch.randn_like(norm.running_mean))
            norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.8, 1.2))
    network.eval()


@pytest.mark.parametrize(("member", "resolution"), CASES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_same_numbers_come_out(library, member, resolution):
    read, write = LIBRARIES[library]
    torch.manual_seed(1)
    theirs = library_network(library, member)
    images = torch.randn(4, 3, resolution, resolution)
    give_random_statistics(theirs, images)
    eps = {norm.eps for norm in batch_norms(theirs)}
    assert len(eps) == 1
    arch = dataclasses.replace(published_member(member), norm=NormSpec(eps=eps.pop()))
    ours = build(arch).eval()
    ours.load_state_dict(read(arch, theirs.state_dict()), strict=True)
    with torch.inference_mode():
        expected = theirs(images)
        found = ours(images)
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 1e-5
    # And back: every tensor under its old name.
    back = write(arch, ours.state_dict())
    state = theirs.state_dict()
    assert set(back) == set(state)
    assert all(torch.equal(back[key], state[key]) for key in state)
    theirs.load_state_dict(back, strict=True)


def test_a_built_network_maps_images_to_logits_at_any_size():
    network = build(TINY, seed=0).eval()
    for size in (16, 17, 40):
        assert network(torch.zeros(2, 3, size, size)).shape == (2, 5)
    assert network.spec == TINY


@pytest.mark.parametrize("activation", ["silu", "relu", "relu6", "hard-swish", "none"])
@pytest.mark.parametrize("gate", ["sigmoid", "hard-sigmoid"])
@pytest.mark.parametrize("block", ["mbconv", "separable"])
def test_every_kind_trains(block, activation, gate):
    # In-place activations must not spoil what the backward pass needs.
    stage = StageSpec(block, 8, 2, se=SqueezeExcite(gate=gate))
    arch = dataclasses.replace(TINY, stages=(stage,), activation=activation, drop_path=0.5)
    network = build(arch, seed=0).train()
    network(torch.randn(4, 3, 16, 16)).sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


def test_batch_norm_settings_reach_every_layer():
    network = build(dataclasses.replace(TINY, norm=NormSpec(eps=0.01, momentum=0.3)))
    norms = batch_norms(network)
    assert len(norms) == 1 + 3 * 3 + 1
    assert {(norm.eps, norm.momentum) for norm in norms} == {(0.01, 0.3)}


def test_the_same_seed_gives_the_same_weights():
    one, same, other = (build(TINY, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["stem.conv.weight"], other["stem.conv.weight"])


def test_a_seed_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(4)
    torch.manual_seed(7)
    build(TINY, seed=3)
    assert torch.equal(torch.rand(4), expected)


def test_without_a_seed_the_global_generator_decides():
    torch.manual_seed(7)
    one = build(TINY).state_dict()
    torch.manual_seed(7)
    assert torch.equal(build(TINY).state_dict()["stem.conv.weight"], one["stem.conv.weight"])


def test_a_network_on_the_meta_device_has_shapes_only():
    network = build(published_member("b7"), device="meta").eval()
    assert all(tensor.is_meta for tensor in network.state_dict().values())
    assert network(torch.empty(1, 3, 32, 32, device="meta")).shape == (1, 1000)


def by_kind(network):
    """Depthwise, other convolutions, linear layers."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return {
        "depthwise": [m for m in convolutions if m.groups > 1],
        "pointwise": [m for m in convolutions if m.groups == 1],
        "linear": [m for m in network.modules() if isinstance(m, nn.Linear)],
    }


@pytest.mark.parametrize("kind", ["depthwise", "pointwise", "linear"])
def test_initialisation_is_that_of_timm(kind):
    torch.manual_seed(0)
    theirs = by_kind(library_network("timm", "b0"))[kind]
    ours = by_kind(build(efficientnet_b0(), seed=0))[kind]
    shapes = [
        sorted(tuple(module.weight.shape) for module in modules) for modules in (ours, theirs)
    ]
    assert shapes[0] == shapes[1]
    deviation = {
        name: {
            shape: torch.cat([m.weight.flatten() for m in modules if m.weight.shape == shape]).std()
            for shape in {tuple(module.weight.shape) for module in modules}
        }
        for name, modules in (("ours", ours), ("theirs", theirs))
    }
    for shape, expected in deviation["theirs"].items():
        # Six standard errors of a ratio of two sample deviations.
        tolerance = 6 / math.sqrt(math.prod(shape))
        assert abs(deviation["ours"][shape] / expected - 1) < tolerance, shape
    for module in ours:
        assert module.bias is None or not module.bias.any()


def test_initialisation_follows_the_reference():
    network = build(efficientnet_b0(), seed=0)
    kinds = by_kind(network)
    for module in kinds["depthwise"]:
        side = module.kernel_size[0]
        assert module.weight.std().item() * side == pytest.approx(math.sqrt(2), rel=0.2)
    classifier = kinds["linear"][0].weight
    assert classifier.abs().max() <= 1000**-0.5
    assert classifier.abs().max() > 0.99 * 1000**-0.5


def test_initialisation_resets_batch_norm():
    network = build(TINY, seed=0)
    norm = batch_norms(network)[0]
    nn.init.constant_(norm.weight, 3.0)
    initialise(network)
    assert (norm.weight == 1).all()
    assert (norm.bias == 0).all()


def test_stochastic_depth_drops_whole_samples():
    torch.manual_seed(0)
    layer = StochasticDepth(0.25).train()
    kept = layer(torch.ones(4000, 3, 2, 2)).flatten(1)
    assert (kept == kept[:, :1]).all()
    # Survivors are scaled up, so that the mean stays 1 (standard error 0.009).
    assert sorted(set(kept[:, 0].tolist())) == pytest.approx([0.0, 1 / 0.75])
    assert kept.mean().item() == pytest.approx(1, abs=0.04)


def test_stochastic_depth_sleeps_in_eval_mode():
    images = torch.randn(3, 2, 4, 4)
    assert StochasticDepth(0.5).eval()(images) is images
    assert StochasticDepth(0.0).train()(images) is images


def test_stochastic_depth_is_placed_where_the_spec_says():
    arch = dataclasses.replace(TINY, drop_path=0.3)
    layers = [m for m in build(arch).modules() if isinstance(m, StochasticDepth)]
    # All three blocks keep 8 channels and have a skip.
    assert [layer.probability for layer in layers] == pytest.approx([0.0, 0.1, 0.2])


def test_dropout_is_the_heads():
    network = build(dataclasses.replace(TINY, head=HeadSpec(16, dropout=0.4)))
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.4]


def test_input_channels_and_classes_shape_the_network():
    network = build(resized(TINY, in_channels=1, classes=2)).eval()
    assert network(torch.zeros(1, 1, 16, 16)).shape == (1, 2)
