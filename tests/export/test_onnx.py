"""`--to onnx`: onnxruntime computes what PyTorch computes, at any batch size."""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch
from tiny_networks import SPACES, drawn, small, trained

from nas.archs import find_network, resized
from nas.errors import NasError
from nas.export.exporting import export
from nas.export.subject import Subject
from nas.spec import StageSpec


def check(subject: Subject, folder: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    done = export(subject, "onnx", folder)
    assert done.parity.largest_logit > 0.1
    session = runtime.InferenceSession(
        str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    spec = subject.spec
    for count in (1, 2, 5):
        source = torch.Generator().manual_seed(count)
        shape = (count, spec.in_channels, spec.resolution, spec.resolution)
        images = torch.randn(shape, generator=source)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        with torch.inference_mode():
            expected = subject.network(images)
            exact = copy.deepcopy(subject.network).double()(images.double())
        # Of random weights float32's own rounding alone moves B0's logits by 1.6e-4.
        rounding = (expected - exact).abs().max().item()
        allowed = max(1e-4 * expected.abs().max().item(), 3 * rounding)
        assert rounding < 1e-3 * expected.abs().max().item()
        assert (torch.from_numpy(logits) - expected).abs().max() <= allowed


def test_the_same_logits_at_any_batch_size(tmp_path, capfd) -> None:
    onnx = pytest.importorskip("onnx")
    subject = trained(small())
    check(subject, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "model.onnx",
    ]
    model = onnx.load(tmp_path / "out" / "model.onnx")
    shape = model.graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param
    assert [each.dim_value for each in shape[1:]] == [3, 32, 32]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["class_names"]) == list(subject.class_names or ())
    assert json.loads(told["normalisation"])["mean"] == [0.485, 0.456, 0.406]
    # Nothing of the exporter's own reports.
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_networks_of_every_space(space, tmp_path) -> None:
    for number, arch in enumerate(drawn(space, 2)):
        check(trained(arch, number), tmp_path / str(number))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet-b0", "mobilenet-v3-large", "resnet-50"])
def test_references_at_their_own_size(name, tmp_path) -> None:
    check(trained(resized(find_network(name), classes=20)), tmp_path / "out")


def test_a_plug_ins_block_goes_along(tmp_path) -> None:
    stage = StageSpec("wrong_block:WRONG", 16, 1)
    arch = dataclasses.replace(small(), stages=(stage, *small().stages[1:]))
    check(trained(arch), tmp_path / "out")


@pytest.mark.parametrize("absent", ["onnx", "onnxscript", "onnxruntime"])
def test_an_absent_package_is_one_line(absent, tmp_path, monkeypatch) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(NasError, match=r"pip install 'compound-nas\[export\]'") as caught:
        export(trained(small()), "onnx", tmp_path / "out")
    assert absent in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
