"""`nas export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Nas = Callable[..., Any]
TINY = ("--resolution", 32, "--classes", 5)


def test_the_check_is_printed_and_random_weights_are_called_untrained(
    nas: Nas, tmp_path: Path
) -> None:
    done = nas("export", "efficientnet-b0", "--to", "pytorch", *TINY)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == (
        "efficientnet-b0 as pytorch in efficientnet-b0-pytorch "
        "(untrained: random initial weights, seed 0)"
    )
    assert [line.split()[0] for line in lines[1:4]] == [
        "model.py",
        "model.safetensors",
        "config.json",
    ]
    assert lines[-1].startswith("parity: logits differ by at most 0 on 4 random images (allowed ")
    config = json.loads((tmp_path / "efficientnet-b0-pytorch" / "config.json").read_text())
    assert config["trained"] is False


def test_json_has_the_documented_keys(nas: Nas, tmp_path: Path) -> None:
    arguments = ("resnet-18", "--to", "weights", *TINY, "--seed", 4, "--out", "here", "--json")
    done = nas("export", *arguments)
    document = json.loads(done.out)
    assert document["folder"] == "here"
    assert document["weights"] == "random initial weights, seed 4"
    assert document["parity"]["largest_difference"] == 0
    assert set(document["files"]) == {path.name for path in (tmp_path / "here").iterdir()}
    help_text = nas("export", "--help").out
    for key in (*document, *document["parity"]):
        assert key in help_text


def test_exported_weights_can_be_exported_again(nas: Nas) -> None:
    assert nas("export", "mobilenet-v2", "--to", "weights", *TINY, "--out", "w").code == 0
    done = nas("export", "w", "--to", "pytorch", "--out", "p")
    assert done.code == 0
    assert "mobilenet-v2 as pytorch in p (untrained: random initial weights, seed 0)" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("efficientnet-b9", "--to", "pytorch"), "no network 'efficientnet-b9'"),
        (("efficientnet-b0", "--to", "keras"), "'keras' is not one of"),
        (("efficientnet-b0",), "Missing option '--to'"),
        (("mobilenet-v1", "--to", "torchvision"), "torchvision has no MobileNetV1"),
        (("mnasnet-a1", "--to", "torchvision"), "stem.activation is 'relu'"),
        (("gone.safetensors", "--to", "onnx"), "cannot read weights from gone.safetensors"),
        (("efficientnet-b0", "--to", "onnx", "--from", "gone"), "cannot read weights from gone"),
        (("densenet-121", "--to", "onnx"), "known by its cost"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    nas: Nas, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = nas("export", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_refused(nas: Nas, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    done = nas("export", "resnet-18", "--to", "weights", *TINY, "--out", "mine")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "mine is there and is no export; choose another --out" in done.err
