"""Weight files: what comes back is what was saved, and every damaged file is refused by name."""

import dataclasses
import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nas.errors import NasError
from nas.model import Network, build
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec
from nas.training.weights import WeightsError, load_weights, save_weights

SPEC = ArchSpec(
    stem=StemSpec(8, activation="hard-swish"),
    stages=(
        StageSpec("mbconv", 8, 1),
        StageSpec("mbconv", 16, 2, stride=2, expand_ratio=3, se=SqueezeExcite()),
    ),
    head=HeadSpec(32, dropout=0.1),
    resolution=16,
    classes=3,
    name="tiny",
)
CLASSES = ("cat", "dög", "a b/c")


@pytest.fixture
def network() -> Network:
    made = build(SPEC, seed=4)
    with torch.no_grad():
        made.train()(torch.randn(8, 3, 16, 16))  # statistics that are not the defaults
    return made.eval()


@pytest.fixture
def saved(network: Network, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(path, network, CLASSES, extra={"recipe": json.dumps({"epochs": 3}), "note": "x"})
    return path


def rewrite(path: Path, **metadata: str | None) -> None:
    with safe_open(path, "pt") as file:
        kept = {**file.metadata(), **metadata}
    save_file(load_file(path), path, {k: v for k, v in kept.items() if v is not None})


def test_the_same_logits_to_the_bit_come_back(network: Network, saved: Path) -> None:
    weights = load_weights(saved)
    assert weights.spec == SPEC
    assert weights.spec.name == "tiny"
    assert weights.classes == CLASSES
    assert weights.record("recipe") == {"epochs": 3}
    assert weights.extra["note"] == "x"
    assert weights.record("note") is None
    images = torch.randn(5, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(weights.network()(images), network(images))


def test_the_library_itself_reads_the_file(network: Network, saved: Path) -> None:
    tensors = load_file(saved)
    assert all(torch.equal(tensors[name], t) for name, t in network.state_dict().items())
    with safe_open(saved, "pt") as file:
        metadata = file.metadata()
    assert ArchSpec.from_json(metadata["spec"]) == SPEC
    assert json.loads(metadata["classes"]) == list(CLASSES)


def test_equal_weights_are_equal_bytes_whatever_the_memory_format(
    network: Network, saved: Path, tmp_path: Path
) -> None:
    extra = {"note": "x", "recipe": json.dumps({"epochs": 3})}
    again = tmp_path / "again.safetensors"
    save_weights(again, network.to(memory_format=torch.channels_last), CLASSES, extra=extra)
    assert again.read_bytes() == saved.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_as_many_names_as_outputs(network: Network, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="2 class names for a network of 3 outputs"):
        save_weights(tmp_path / "w.safetensors", network, ("a", "b"))


@pytest.mark.parametrize("kept", [4, 40, 2000, -1])
def test_a_file_cut_short_is_refused(saved: Path, kept: int) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[:kept])
    with pytest.raises(WeightsError, match=r"cut short|not a safetensors file") as caught:
        load_weights(saved)
    assert "\n" not in str(caught.value)
    if kept == -1:
        assert f"{len(content) - 1:,} of {len(content):,} bytes" in str(caught.value)


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.safetensors", "net.ckpt"])
def test_no_pickle_is_loaded_whatever_its_name(tmp_path: Path, name: str) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / name
    torch.save({"weight": Trap()}, path)
    with pytest.raises(WeightsError, match=r"must be safetensors: .* is a PyTorch pickle"):
        load_weights(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"hello, I am text", b"\xff\xd8\xff\xe0" * 40, struct.pack("<Q", 2) + b"[]", b"0"],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_weights(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load_weights(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="Is a directory"):
        load_weights(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"spec": None}, r"holds no network spec.*nas train ARCH --from"),
        ({"schema": "2"}, "has schema 2, newer than the 1.*upgrade"),
        ({"schema": "x"}, "schema is no number"),
        ({"spec": json.dumps({**SPEC.to_dict(), "schema": 9})}, "schema 9, newer than the 1"),
        ({"spec": "{"}, "metadata are damaged"),
        ({"classes": None}, "metadata are damaged"),
        ({"classes": '["a"]'}, "1 class names for a network of 3 outputs"),
        (
            {"spec": dataclasses.replace(SPEC, stem=StemSpec(16)).to_json()},
            r"tensor 'stem.conv.weight' has shape \[8, 3, 3, 3\]; its network tiny needs \[16,",
        ),
        (
            {"spec": dataclasses.replace(SPEC, stages=SPEC.stages[:1]).to_json()},
            "tensor 'head.conv.conv.weight' has shape|which its network",
        ),
        (
            {"spec": dataclasses.replace(SPEC, stages=SPEC.stages + SPEC.stages[:1]).to_json()},
            r"lacks the tensor 'stages.2.0",
        ),
    ],
)
def test_what_does_not_fit_is_named(saved: Path, metadata: dict, message: str) -> None:
    rewrite(saved, **metadata)
    with pytest.raises(NasError, match=message) as caught:
        load_weights(saved)
    assert "\n" not in str(caught.value)
