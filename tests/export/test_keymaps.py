import dataclasses
import random

import pytest
import torch

from nas.errors import NasError, SpecError
from nas.export.keymaps import from_timm, from_torchvision, key_map, to_timm, to_torchvision
from nas.model import build
from nas.scaling.published import published_member
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import random_network
from nas.spec import HeadSpec, SqueezeExcite, StageSpec

LIBRARIES = ("torchvision", "timm")


@pytest.fixture(scope="module")
def b0_state():
    return build(efficientnet_b0(), device="meta").state_dict()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("member", ["b0", "b4", "b7"])
def test_every_tensor_has_one_name(library, member):
    arch = published_member(member)
    names = key_map(arch, library)
    assert set(names) == set(build(arch, device="meta").state_dict())
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("library", LIBRARIES)
def test_networks_of_the_space_have_a_map(library):
    source = random.Random(0)
    for _ in range(10):
        arch, _ = random_network(MBConvSpace(), source)
        names = key_map(arch, library)
        assert set(names) == set(build(arch, device="meta").state_dict())


def test_a_missing_squeeze_excite_keeps_torchvisions_numbers():
    b0 = efficientnet_b0()
    stages = (*b0.stages[:6], dataclasses.replace(b0.stages[6], se=None))
    names = key_map(dataclasses.replace(b0, stages=stages), "torchvision")
    assert names["stages.6.0.project.conv.weight"] == "features.7.0.block.3.0.weight"
    assert names["stages.5.0.se.reduce.bias"] == "features.6.0.block.2.fc1.bias"


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_the_library_cannot_hold_is_named(library):
    b0 = efficientnet_b0()
    kind = {"torchvision": "separable", "timm": "basic"}[library]
    foreign = (*b0.stages[:6], StageSpec(kind, 320, 1))
    with pytest.raises(SpecError, match=rf"stages\[6\]\.block is '{kind}'; {library}"):
        key_map(dataclasses.replace(b0, stages=foreign), library)
    gated = (StageSpec("conv", 16, 1, se=SqueezeExcite()), *b0.stages[1:])
    with pytest.raises(SpecError, match=rf"stages\[0\]\.se is set; {library}"):
        key_map(dataclasses.replace(b0, stages=gated), library)
    with pytest.raises(SpecError, match=r"head\.channels is absent"):
        key_map(dataclasses.replace(b0, head=HeadSpec()), library)


def test_an_expansion_that_expands_nothing_has_no_place_in_torchvision():
    b0 = efficientnet_b0()
    stages = (dataclasses.replace(b0.stages[0], expand_ratio=1.05), *b0.stages[1:])
    arch = dataclasses.replace(b0, stages=stages)
    with pytest.raises(SpecError, match=r"stages\[0\]\.expand_ratio is 1\.05"):
        key_map(arch, "torchvision")
    assert "blocks.0.0.conv_pwl.weight" in key_map(arch, "timm").values()


@pytest.mark.parametrize("convert", [to_torchvision, to_timm])
def test_a_foreign_state_is_refused(convert, b0_state):
    b0 = efficientnet_b0()
    with pytest.raises(NasError, match=r"has 'extra\.weight'"):
        convert(b0, {**b0_state, "extra.weight": torch.zeros(1)})
    with pytest.raises(NasError, match=r"our state dict has 'stages\.0\.1\."):
        convert(b0, build(published_member("b1"), device="meta").state_dict())
    incomplete = dict(b0_state)
    del incomplete["head.classifier.bias"]
    with pytest.raises(NasError, match=r"lacks 'head\.classifier\.bias'"):
        convert(b0, incomplete)


@pytest.mark.parametrize(
    ("there", "back"), [(to_torchvision, from_torchvision), (to_timm, from_timm)]
)
def test_there_and_back_is_the_same_state(there, back, b0_state):
    b0 = efficientnet_b0()
    again = back(b0, there(b0, b0_state))
    assert list(again) == list(b0_state)
    assert all(again[key] is b0_state[key] for key in b0_state)


def test_old_weight_files_without_batch_counters_are_read(b0_state):
    b0 = efficientnet_b0()
    old = {
        key: tensor
        for key, tensor in to_timm(b0, b0_state).items()
        if not key.endswith("num_batches_tracked")
    }
    assert len(from_timm(b0, old)) == len(old)
