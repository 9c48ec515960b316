"""Starting from trained weights: whose names they have, what is new, how fast each layer learns."""

import dataclasses
from pathlib import Path

import pytest
import torch
from library_networks import library_network
from safetensors.torch import save_file
from tiny_training import TINY

from nas.archs import find_network, resized
from nas.errors import NasError, TrainingError
from nas.model import build
from nas.spec import HeadSpec
from nas.training.finetune import class_order, decayed_groups, starting_network
from nas.training.initial import InitialWeights, read_initial, usual_eps
from nas.training.weights import save_weights

SPEC = resized(TINY, classes=3)
CLASSES = ("cat", "dog", "emu")


@pytest.fixture
def initial(tmp_path: Path) -> InitialWeights:
    path = tmp_path / "w.safetensors"
    save_weights(path, build(SPEC, seed=5), CLASSES)
    return read_initial(path, None)


def test_the_classifier_is_kept_for_the_same_classes_in_any_order(initial: InitialWeights) -> None:
    network, new = starting_network(SPEC, initial, ("emu", "cat", "dog"), seed=0)
    assert not new
    expected = initial.state["head.classifier.weight"][[2, 0, 1]]
    assert torch.equal(network.head.classifier.weight, expected)
    images = torch.randn(2, 3, 16, 16)
    before = build(SPEC, seed=5).eval()(images)
    assert torch.allclose(network.eval()(images), before[:, [2, 0, 1]], atol=1e-6)


@pytest.mark.parametrize("classes", [("cat", "dog", "fox"), ("cat", "dog"), tuple("abcdef")])
def test_the_classifier_is_new_for_others(initial: InitialWeights, classes: tuple) -> None:
    spec = resized(SPEC, classes=len(classes))
    network, new = starting_network(spec, initial, classes, seed=7)
    assert new
    assert torch.equal(network.head.classifier.weight, build(spec, seed=7).head.classifier.weight)
    for name, tensor in network.state_dict().items():
        if not name.startswith("head.classifier."):
            assert torch.equal(tensor, initial.state[name]), name


def test_class_order() -> None:
    assert class_order("abc", "cab").tolist() == [2, 0, 1]
    assert class_order("abc", "abd") is None
    assert class_order((), "abc") is None


def test_rates_grow_towards_the_head() -> None:
    network = build(SPEC, seed=0)
    groups = decayed_groups(network, 0.5)
    assert [(g["name"], g["lr_scale"]) for g in groups] == [
        ("stem", 0.125), ("stage0", 0.25), ("stage1", 0.5), ("head", 1.0),
    ]  # fmt: skip
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    network.stem.requires_grad_(False)
    assert [g["name"] for g in decayed_groups(network, 0.5)] == ["stage0", "stage1", "head"]


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv2_050"])
def test_a_model_of_timm_has_layers_too(name: str) -> None:
    network = library_network("timm", name, num_classes=4)
    groups = decayed_groups(network, 0.75)
    rates = [group["lr_scale"] for group in groups]
    assert rates == sorted(rates)
    assert rates[-1] == 1
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


@pytest.mark.parametrize("decay", [0, -0.5, 1.5])
def test_an_impossible_decay_is_refused(decay: float) -> None:
    with pytest.raises(TrainingError, match="--layer-decay is"):
        decayed_groups(build(SPEC, device="meta"), decay)


@pytest.mark.parametrize(
    ("library", "name", "theirs", "eps"),
    [
        ("torchvision", "resnet-18", "resnet18", 1e-5),
        ("torchvision", "mobilenet-v3-small", "mobilenet_v3_small", 1e-3),
        ("torchvision", "efficientnet-b0", "efficientnet_b0", 1e-5),
        ("timm", "mobilenet-v2", "mobilenetv2_100", 1e-5),
        ("timm", "mobilenet-v3-small", "mobilenetv3_small_100", 1e-5),
    ],
)
def test_a_librarys_weights_give_its_logits(
    tmp_path: Path, library: str, name: str, theirs: str, eps: float
) -> None:
    torch.manual_seed(0)
    network = library_network(library, theirs).eval()
    path = tmp_path / "w.safetensors"
    save_file(network.state_dict(), path)
    initial = read_initial(path, resized(find_network(name), classes=10))
    assert initial.spec.classes == 1000
    assert initial.spec.norm.eps == eps
    assert library in initial.source
    ours = build(initial.spec).eval()
    ours.load_state_dict(initial.state)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected, found = network(images), ours(images)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("member", range(8))
def test_batch_norms_eps_is_torchvisions(member: int) -> None:
    with torch.device("meta"):
        network = library_network("torchvision", f"efficientnet_b{member}")
    expected = next(m.eps for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert usual_eps(find_network(f"efficientnet-b{member}"), "torchvision") == expected


def test_tf_models_take_the_eps_they_are_told(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(library_network("timm", "mobilenetv2_100").state_dict(), path)
    initial = read_initial(path, find_network("mobilenet-v2"), norm_eps=0.001)
    assert initial.spec.norm.eps == 0.001


def test_weights_of_ours_are_compared_with_the_named_network(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, build(SPEC, seed=5), CLASSES)
    # Classes, size and regularisation may differ; tensors may not.
    same = dataclasses.replace(
        SPEC, classes=7, resolution=64, drop_path=0.3, head=HeadSpec(32, dropout=0.5)
    )
    assert read_initial(path, same).spec == SPEC
    wider = dataclasses.replace(SPEC, head=HeadSpec(64))
    with pytest.raises(NasError, match=r"another network \(tiny\) than tiny: they differ in head"):
        read_initial(path, wider)


def test_a_file_without_spec_needs_a_network(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(NasError, match="holds no network spec; name the network"):
        read_initial(path, None)
    with pytest.raises(NasError, match=r"the tensors of .* \('a', ...\) are not resnet-18's"):
        read_initial(path, find_network("resnet-18"))
