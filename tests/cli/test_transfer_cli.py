"""`nas transfer`: one protocol for every model; what is finished stays; what is refused."""

import json
from pathlib import Path

import pytest
import torch
from library_networks import library_network
from safetensors.torch import save_file
from tiny_training import OTHER_SAMPLE, SAMPLE, TINY

from nas.archs import resized
from nas.cost import network_cost
from nas.model import build
from nas.training.timm_models import timm_cost
from nas.training.weights import save_weights

FEW = ("--epochs", 1, "--batch", 16, "--device", "cpu", "--set", "bn_recalibration_batches=0")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    save_weights(path, build(resized(TINY, classes=5), seed=2), tuple("abcde"))
    return path


def save_timm(path: Path, name: str) -> None:
    torch.manual_seed(0)
    save_file(library_network("timm", name, num_classes=7).state_dict(), path)


def test_one_protocol_over_data_sets_and_models(nas, tmp_path, weights):
    save_timm(tmp_path / "r.safetensors", "resnet10t")
    arguments = (
        "transfer", "--weights", weights, "--data", SAMPLE, "--data", OTHER_SAMPLE,
        "--from-scratch", "--model", "timm:resnet10t=r.safetensors", *FEW, "--json",
    )  # fmt: skip
    done = nas(*arguments)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    rows = {(row["data"], row["model"]): row for row in document["rows"]}
    assert len(rows) == 6
    ours, theirs = rows["sample-2", "tiny"], rows["sample-2", "timm:resnet10t"]
    cost = network_cost(resized(TINY, classes=6))
    assert (ours["flops"], ours["params"]) == (cost.flops, cost.params)
    assert theirs["params"] == timm_cost("resnet10t", 6, 16).params
    assert theirs["params_ratio"] == theirs["params"] / ours["params"]
    assert theirs["difference"] == ours["top1"] - theirs["top1"]
    scratch = rows["sample-2", "tiny from scratch"]
    assert scratch["params_ratio"] == 1
    settings = json.loads(
        (tmp_path / "transfer/tiny/sample-2/tiny-from-scratch-seed0/job.json").read_text()
    )["settings"]
    assert (settings["initial weights"], settings["layer decay"]) == ("", 1)
    folder = tmp_path / "transfer" / "tiny"
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "transfer.json", "transfer.csv", "transfer.md",
    }  # fmt: skip
    assert "## Against timm:resnet10t" in (folder / "transfer.md").read_text()
    assert len((folder / "transfer.csv").read_text().splitlines()) == 7

    # What is finished stays; what is missing is trained again, and nothing else.
    results = sorted(folder.rglob("result.json"))
    before = {path: path.stat().st_mtime_ns for path in results}
    results[0].unlink()
    again = nas(*arguments)
    assert json.loads(again.out)["rows"] == [
        {**row, "seconds": found["seconds"]}
        for row, found in zip(document["rows"], json.loads(again.out)["rows"], strict=True)
    ]
    after = {path: path.stat().st_mtime_ns for path in results}
    assert [path for path in results if after[path] != before[path]] == results[:1]


def test_other_settings_are_refused_by_what_differs(nas, weights):
    arguments = ("transfer", "--weights", weights, "--data", SAMPLE, "--quiet")
    assert nas(*arguments, *FEW).code == 0
    done = nas(*arguments, *FEW, "--layer-decay", 0.5)
    assert done.code == 2
    assert "layer decay 0.75 -> 0.5" in done.err
    assert done.err.count("\n") == 1


def test_seeds_give_a_mean_and_a_deviation(nas, weights):
    arguments = ("transfer", "--weights", weights, "--data", SAMPLE, *FEW, "--seeds", 2)
    (row,) = json.loads(nas(*arguments, "--json").out)["rows"]
    assert row["seeds"] == 2
    assert row["top1_sd"] is not None
    assert "± is the standard deviation over seeds" in nas(*arguments).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "timm:resnet10t"), "is not NAME=FILE"),
        (("--model", "timm:resnet10=r.safetensors"), "timm has no model 'resnet10'; did you mean"),
        (("--model", "timm:resnet10t=r.pth"), "cannot read weights from r.pth: No such file"),
        (("--model", "timm:resnet18=r.safetensors"), "it is another model's"),
        (("--model", "mobilenet-v2=r.safetensors"), "are not mobilenet-v2's under"),
        (("--data", "nowhere"), "no file or folder 'nowhere'"),
        (("--recipe", "sort"), "no recipe 'sort'"),
        (("--layer-decay", "3"), "--layer-decay is 3"),
    ],
)
def test_bad_input_is_one_line_and_trains_nothing(nas, tmp_path, weights, arguments, message):
    save_timm(tmp_path / "r.safetensors", "resnet10t")
    done = nas("transfer", "--weights", weights, "--data", SAMPLE, *FEW, *arguments)
    assert done.code == 2
    assert done.err.count("\n") == 1, done.err
    assert message in done.err
    assert not (tmp_path / "transfer").exists()


def test_weights_must_be_of_nas_train(nas, tmp_path):
    save_timm(tmp_path / "r.safetensors", "resnet10t")
    done = nas("transfer", "--weights", "r.safetensors", "--data", SAMPLE)
    assert done.code == 2
    assert "holds no network spec" in done.err
