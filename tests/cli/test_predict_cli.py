"""`nas predict`: its lines, its JSON, its exit code."""

import json

import pytest
import torch
from PIL import Image
from tiny_training import TINY

from nas.archs import resized
from nas.model import build
from nas.training.weights import save_weights


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    network = build(resized(TINY, classes=3), seed=0)
    save_weights(path, network, ("cat", "dog", "emu"), extra={"toy": "true"})
    return path


@pytest.fixture
def image(tmp_path):
    Image.new("RGB", (30, 20), (200, 30, 90)).save(tmp_path / "a.png")
    return "a.png"


def test_a_line_for_each_image(nas, weights, image):
    done = nas("predict", weights, image, image, "--top", 2, "--device", "cpu")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("a.png  ")
    assert lines[0].count("%") == 2
    assert done.err == "nas: these weights were trained on the sample: a toy\n"


def test_json_and_an_unreadable_image(nas, weights, image):
    done = nas("predict", weights, "none.png", image, "--json", "--device", "cpu")
    assert done.code == 2
    document = json.loads(done.out)
    assert document["toy"] is True
    first, second = document["images"]
    assert first == {"image": "none.png", "error": "No such file or directory"}
    assert {row["class"] for row in second["classes"]} == {"cat", "dog", "emu"}
    assert done.err.splitlines()[1:] == ["nas: none.png: No such file or directory"]


def test_it_needs_nothing_but_the_weights(nas, weights, image, tmp_path):
    """No spec file, no data: the weights alone, anywhere."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    weights.rename(place / "only.safetensors")
    assert nas("predict", "elsewhere/only.safetensors", image, "--device", "cpu").code == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pth", None, "weights must be safetensors: w.pth is a PyTorch pickle"),
        ("w.txt", b"some text", "w.txt is not a safetensors file"),
        ("none.safetensors", b"", "not a safetensors file"),
        ("absent.safetensors", ..., "No such file"),
    ],
)
def test_bad_weights_are_one_line(nas, tmp_path, image, name, content, message):
    if content is None:
        torch.save({"a": torch.zeros(1)}, tmp_path / name)
    elif content is not ...:
        (tmp_path / name).write_bytes(content)
    done = nas("predict", name, image)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_no_image_is_one_line(nas, weights):
    done = nas("predict", weights)
    assert done.code == 2
    assert "Missing argument 'IMAGE...'" in done.err
