"""Where an export goes, what stops it, and that nothing is left of one that failed."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny_networks import small, trained

from nas.errors import NasError
from nas.export import exporting, pytorch_target
from nas.export.errors import ExportError
from nas.export.exporting import export
from nas.export.parity import Parity, compare
from nas.export.subject import Sizes, Subject, find_subject
from nas.training.weights import save_weights


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_check_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    write = pytorch_target.write_pytorch

    def wrong(subject: Subject, folder: Path) -> object:
        written = write(subject, folder)
        return dataclasses.replace(written, run=lambda images: written.run(images) + 1e-3)

    monkeypatch.setattr(pytorch_target, "write_pytorch", wrong)
    with pytest.raises(ExportError, match=r"parity failed: logits differ by 0\.001") as caught:
        export(trained(small()), "pytorch", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_difference_counts_beside_the_logits_not_beside_one() -> None:
    network = trained(small()).network
    with torch.no_grad():
        network.head.classifier.weight *= 1e-6
        network.head.classifier.bias *= 0
    assert compare(network, network, tolerance=1e-5).passed
    with pytest.raises(ExportError, match="parity failed"):
        compare(network, lambda images: network(images) + 1e-8, tolerance=1e-5)


def test_what_float32_rounds_is_no_fault() -> None:
    network = trained(small()).network
    exact = copy.deepcopy(network).double()

    def rounded_otherwise(images: torch.Tensor) -> torch.Tensor:
        return exact(images.double()).float()

    parity = compare(network, rounded_otherwise, tolerance=1e-12)
    assert parity.rounding is not None
    assert parity.difference > 1e-12 * parity.largest_logit
    with pytest.raises(ExportError, match="float32 rounding alone"):
        compare(network, lambda images: network(images) + 10 * parity.rounding, tolerance=1e-12)


def test_rounding_that_could_hide_a_fault_excuses_nothing() -> None:
    parity = Parity(difference=0.2, largest_logit=1.0, images=4, tolerance=1e-4, rounding=0.1)
    assert not parity.passed
    assert parity.allowed == 1e-4


def test_logits_that_are_not_finite_are_said_to_be() -> None:
    network = trained(small()).network
    with torch.no_grad():
        network.head.classifier.bias.fill_(torch.inf)
    with pytest.raises(ExportError, match="own logits are not finite"):
        compare(network, network, tolerance=1e-5)


def test_an_earlier_export_of_the_same_network_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(trained(small(), 1), "pytorch", folder)
    first = (folder / "model.safetensors").read_bytes()
    (folder / "__pycache__").mkdir()
    export(trained(small(), 2), "pytorch", folder)
    assert (folder / "model.safetensors").read_bytes() != first
    assert names(tmp_path) == ["out"]
    assert names(folder) == ["config.json", "model.py", "model.safetensors"]


def test_anything_else_in_the_way_is_refused_and_kept(tmp_path: Path) -> None:
    subject = trained(small())
    folder = tmp_path / "out"
    folder.mkdir()
    export(subject, "pytorch", folder)  # an empty folder is free
    other = trained(dataclasses.replace(small(), classes=3))
    with pytest.raises(ExportError, match=r"holds another export \(small, --to pytorch\)"):
        export(other, "pytorch", folder)
    with pytest.raises(ExportError, match="holds another export"):
        export(subject, "weights", folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"holds 'notes\.txt' beside"):
        export(subject, "pytorch", folder)
    assert (folder / "notes.txt").read_text() == "mine"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("")
    with pytest.raises(ExportError, match="is no export"):
        export(subject, "pytorch", foreign)
    with pytest.raises(ExportError, match="is no folder"):
        export(subject, "pytorch", foreign / "thesis.tex")
    assert names(tmp_path) == ["foreign", "out"]


def test_the_default_folder_is_a_name_that_any_file_system_takes(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    arch = dataclasses.replace(small(), name="../a b/ü")
    done = export(trained(arch), "weights")
    assert names(tmp_path) == [str(done.folder)] == ["_a_b__-weights"]


def saved(path: Path) -> Path:
    subject = trained(small())
    extra = {"normalisation": json.dumps({"mean": [0.5] * 3, "std": [0.2] * 3, "scale": 255})}
    save_weights(path, subject.network, subject.class_names or (), extra=extra)
    return path


def test_weights_are_found_by_file_and_by_folder(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.safetensors")
    for text in (str(path), str(tmp_path)):
        subject = find_subject(text, sizes=Sizes(resolution=48))
        assert (subject.trained, subject.weights) == (True, "weights.safetensors")
        assert subject.spec.resolution == 48
        assert subject.class_names == trained(small()).class_names
    export(subject, "pytorch", tmp_path / "out")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["normalisation"]["mean"] == [0.5] * 3


def test_random_weights_are_called_that_wherever_they_go(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(small().to_json())
    first = find_subject(str(tmp_path / "small.json"), sizes=Sizes(classes=4), seed=3)
    assert not first.trained
    assert first.weights == "random initial weights, seed 3"
    done = export(first, "weights", tmp_path / "out")
    again = find_subject(str(done.folder), sizes=Sizes())
    assert (again.trained, again.weights, again.class_names) == (False, first.weights, None)
    assert again.spec.classes == 4


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("W", {"seed": 1}, "--seed is for a network without weights"),
        ("W", {"initial": Path("x.safetensors")}, "--from is for a network without weights"),
        ("W", {"sizes": Sizes(classes=3)}, "--classes is 3, but .* holds weights for 7"),
        ("W", {"sizes": Sizes(in_channels=1)}, "--in-channels is 1"),
        ("gone.safetensors", {}, "cannot read weights from gone.safetensors: No such file"),
        ("efficientnet-b99", {}, "no network 'efficientnet-b99'"),
        ("resnet-18", {"norm_eps": 0.1}, "--norm-eps is for weights of another library"),
        ("resnet-18", {"seed": 1, "initial": Path("x")}, "--seed is for random weights"),
    ],
)
def test_contradictions_are_one_line(text, settings, message, tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.safetensors")
    text = str(path) if text == "W" else text
    with pytest.raises(NasError, match=message) as caught:
        find_subject(text, **{"sizes": Sizes(), **settings})
    assert "\n" not in str(caught.value)


def test_the_command_lists_every_target() -> None:
    from nas.cli.export import TARGETS

    assert TARGETS == exporting.TARGETS
