"""Whatever a person names is found, with its cost and the accuracy that is known of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tiny_training import TINY

from nas.comparison.networks import IN_SEARCH, IN_TRAINING, PREDICTED, find_compared
from nas.cost import network_cost
from nas.errors import SpecError
from nas.model import build
from nas.opaque import OPAQUE_NETWORKS
from nas.training.weights import save_weights


def write_run(folder: Path, source: str) -> Path:
    """A folder with a search's result, as far as it is read here."""
    best = {"spec": TINY.to_dict(), "accuracy": 0.6543, "accuracy_sd": 0.01, "source": source}
    folder.mkdir()
    (folder / "best.json").write_text(json.dumps({"best": best}))
    return folder


def test_a_reference_is_counted_by_arithmetic() -> None:
    found = find_compared("efficientnet-b0")
    assert (found.flops, found.params, found.activations) == (385_814_752, 5_288_548, 6_747_036)
    assert found.counted_by == "arithmetic"
    assert found.accuracy is None


def test_a_spec_and_a_file_are_networks(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(TINY.to_json())
    by_file, by_spec = find_compared(str(path)), find_compared(TINY, resolution=32)
    assert by_file.flops == network_cost(TINY).flops
    assert by_spec.flops == network_cost(dataclasses.replace(TINY, resolution=32)).flops
    assert by_spec.name == "tiny"


@pytest.mark.parametrize(
    ("source", "kind"),
    [("predicted ImageNet top-1", PREDICTED), ("measured top-1 on search-val of d", IN_SEARCH)],
)
def test_a_runs_accuracy_comes_with_its_kind(tmp_path: Path, source: str, kind: str) -> None:
    run = write_run(tmp_path / "run", source)
    accuracy = find_compared(str(run)).accuracy
    assert accuracy is not None
    assert (accuracy.top1, accuracy.sd, accuracy.kind) == (0.6543, 0.01, kind)
    assert accuracy.source == source
    # Another resolution is another accuracy.
    assert find_compared(str(run), resolution=64).accuracy is None


def test_weights_have_the_accuracy_that_training_measured(tmp_path: Path) -> None:
    record = {
        "top1": 0.5,
        "top1_standard_error": 0.1,
        "top5": 0.9,
        "loss": 1.0,
        "images": 24,
        "measured_on": "24 test images of d",
    }
    folder = tmp_path / "trained"
    classes = [str(number) for number in range(TINY.classes)]
    save_weights(
        folder / "weights.safetensors",
        build(TINY, seed=0),
        classes,
        extra={"accuracy": json.dumps(record)},
    )
    found = find_compared(str(folder))
    assert found.weights == folder / "weights.safetensors"
    assert found.accuracy is not None
    assert (found.accuracy.top1, found.accuracy.top5, found.accuracy.kind) == (
        0.5,
        0.9,
        IN_TRAINING,
    )


def test_a_reference_that_is_no_spec_is_counted_at_any_size() -> None:
    pytest.importorskip("torchvision")
    own, small = find_compared("densenet-121"), find_compared("densenet-121", resolution=64)
    assert own.flops == OPAQUE_NETWORKS["densenet-121"].flops
    assert small.resolution_px == 64
    assert small.flops == OPAQUE_NETWORKS["densenet-121"].count(resolution=64).flops


def test_a_librarys_network_costs_what_ours_of_the_same_design_does() -> None:
    pytest.importorskip("torchvision")
    theirs, ours = find_compared("resnet18"), find_compared("resnet-18")
    assert theirs.name == "torchvision:resnet18"
    assert (theirs.flops, theirs.params, theirs.activations) == (
        ours.flops,
        ours.params,
        ours.activations,
    )
    assert "torchvision" in theirs.counted_by


def test_a_librarys_network_has_the_size_that_its_weights_are_used_at() -> None:
    pytest.importorskip("torchvision")
    assert find_compared("torchvision:efficientnet_b1").resolution_px == 240
    assert (
        find_compared("torchvision:efficientnet_b1").flops == find_compared("efficientnet-b1").flops
    )


def test_a_name_that_only_timm_has_is_timms() -> None:
    pytest.importorskip("timm")
    found = find_compared("mobilenetv1_100")
    ours = network_cost(find_compared("mobilenet-v1").spec)
    assert found.name == "timm:mobilenetv1_100"
    assert (found.flops, found.params) == (ours.flops, ours.params)


def test_a_folder_called_timm_hides_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("timm")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "timm").mkdir()
    assert find_compared("timm:mobilenetv1_100").params == 4_231_976


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet-51", "no network 'resnet-51'"),
        ("timm:resnet5O", "did you mean"),
        ("nothing/like/this", "neither a reference name, a file, a run, nor a model of timm"),
        ("absent.json", "no network 'absent.json'"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_line(text: str, message: str) -> None:
    pytest.importorskip("timm")
    with pytest.raises(Exception, match=message) as raised:
        find_compared(text)
    assert "\n" not in str(raised.value)


def test_a_library_network_that_cannot_take_a_size_is_refused() -> None:
    pytest.importorskip("torchvision")
    with pytest.raises(SpecError, match="cannot be counted at 8 px"):
        find_compared("torchvision:vgg11", resolution=8)
