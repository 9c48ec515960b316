"""`nas train` and `nas eval`: what they leave, what they go on from, what they refuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import FEW, OTHER_SAMPLE, SAMPLE, TINY, result_of, write_images, write_tiny

from nas.archs import find_network, resized
from nas.cli.main import main
from nas.cost import network_cost
from nas.runs.records import locked
from nas.training.weights import load_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    place = tmp_path_factory.mktemp("trained")
    arguments = ["train", write_tiny(place), "--data", SAMPLE, *FEW, "--out", place / "first"]
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert not ended.value.code
    return place


@pytest.fixture
def trained(trained_once, tmp_path):
    """A finished training in the folder `first`, beside its network."""
    shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "first"


def test_a_training_leaves_weights_result_and_log(nas, tmp_path, trained):
    assert sorted(p.name for p in trained.iterdir()) == [
        "job.json", "lock", "log.csv", "result.json", "weights.safetensors",
    ]  # fmt: skip
    result = result_of(trained)
    network = find_network(str(trained / "result.json"))
    assert (network.classes, network.resolution) == (4, 16)
    assert result["cost"]["flops"] == network_cost(network).flops
    assert result["train_images"] == 48, "all training images"
    assert result["accuracy"]["images"] == 24
    assert result["accuracy"]["measured_on"] == f"24 test images of {SAMPLE}, a toy"
    assert result["toy"] is True
    assert result["recipe"]["epochs"] == result["epochs"] == 2
    assert len((trained / "log.csv").read_text().splitlines()) == 3
    weights = load_weights(trained / "weights.safetensors")
    assert weights.spec == network
    assert weights.record("accuracy") == result["accuracy"]
    assert weights.record("toy") is True


def test_eval_measures_what_training_recorded(nas, trained):
    done = nas("eval", trained / "weights.safetensors", "--data", SAMPLE, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["accuracy"] == document["recorded"] == result_of(trained)["accuracy"]


def test_the_order_of_the_classes_does_not_matter_but_their_names_do(nas, tmp_path, trained):
    same = write_images(tmp_path / "same")  # in the order of the alphabet, as folders are
    done = nas("eval", trained / "weights.safetensors", "--data", same, "--json")
    assert json.loads(done.out)["accuracy"]["top1"] == result_of(trained)["accuracy"]["top1"]
    other = nas("eval", trained / "weights.safetensors", "--data", OTHER_SAMPLE)
    assert other.code == 2
    assert "has 'triangle-stripes', 'triangle-checks', which the weights do not know" in other.err
    assert other.err.count("\n") == 1


def test_the_same_command_again_trains_nothing(nas, tmp_path, trained):
    before = (trained / "weights.safetensors").stat().st_mtime_ns
    again = nas("train", "tiny.json", "--data", SAMPLE, *FEW, "--out", "first", "--json")
    assert json.loads(again.out)["weights_digest"] == result_of(trained)["weights_digest"]
    assert (trained / "weights.safetensors").stat().st_mtime_ns == before


def test_the_same_settings_make_the_same_bytes_elsewhere(nas, tmp_path, trained):
    nas("train", "tiny.json", "--data", SAMPLE, *FEW, "--out", "second", "--quiet")
    second = tmp_path / "second" / "weights.safetensors"
    assert second.read_bytes() == (trained / "weights.safetensors").read_bytes()


def test_other_settings_are_refused_by_what_differs(nas, trained):
    done = nas("train", "tiny.json", "--data", SAMPLE, *FEW, "--seed", 1, "--out", "first")
    assert done.code == 2
    assert "was trained with other settings (seed 0 -> 1)" in done.err
    assert done.err.count("\n") == 1


def test_a_training_that_failed_before_its_first_epoch_leaves_its_folder_to_the_next(nas, tmp_path):
    write_tiny(tmp_path)
    for out in (("--out", "mine"), ()):
        failed = nas("train", "tiny.json", "--data", SAMPLE, "--epochs", 1, "--batch", 1, *out)
        assert failed.code == 2
        assert "a batch of 1 image is too small" in failed.err
        done = nas("train", "tiny.json", "--data", SAMPLE, *FEW, *out, "--quiet")
        assert done.code == 0, done.err
    assert [path.name for path in (tmp_path / "trained").iterdir()] == ["tiny-sample"]
    for folder in (tmp_path / "mine", tmp_path / "trained" / "tiny-sample"):
        assert json.loads((folder / "job.json").read_text())["settings"]["epochs"] == 2
        assert "--batch 1" not in result_of(folder)["command"]


def test_a_training_that_has_just_begun_is_not_taken_over(nas, tmp_path):
    write_tiny(tmp_path)
    assert nas("train", "tiny.json", "--data", SAMPLE, "--batch", 1, "--out", "mine").code == 2
    with locked(tmp_path / "mine"):
        done = nas("train", "tiny.json", "--data", SAMPLE, *FEW, "--out", "mine")
    assert done.code == 2
    assert "is in use by process" in done.err


def test_without_out_other_settings_get_another_folder(nas, tmp_path):
    write_tiny(tmp_path)
    for seed in (0, 1, 0):
        done = nas("train", "tiny.json", "--data", SAMPLE, *FEW, "--seed", seed, "--quiet")
        assert done.code == 0, done.err
    folders = sorted(path.name for path in (tmp_path / "trained").iterdir())
    assert folders == ["tiny-sample", "tiny-sample-2"]


def test_val_leaves_the_test_images_alone(nas, tmp_path):
    write_tiny(tmp_path)
    images = write_images(tmp_path / "images")
    nas("train", "tiny.json", "--data", images, *FEW, "--val", "--out", "val", "--quiet")
    result = result_of(tmp_path / "val")
    assert "search-val images" in result["accuracy"]["measured_on"]
    assert result["train_images"] + result["accuracy"]["images"] == 48
    log = (tmp_path / "val" / "log.csv").read_text().splitlines()
    assert log[-1].split(",")[3] != ""


def test_holdout_watches_a_part_of_the_training_images(nas, tmp_path):
    write_tiny(tmp_path)
    arguments = ("train", "tiny.json", "--data", SAMPLE, *FEW, "--quiet")
    assert nas(*arguments, "--holdout", 0.25, "--out", "held").code == 0
    result = result_of(tmp_path / "held")
    assert result["train_images"] == 36
    assert "test images" in result["accuracy"]["measured_on"]


def test_a_bad_image_is_counted_and_named_or_stops(nas, tmp_path):
    write_tiny(tmp_path)
    images = write_images(tmp_path / "images")
    bad = sorted((images / "train").rglob("*.png"))[0]
    bad.write_bytes(bad.read_bytes()[:100])
    arguments = ("train", "tiny.json", "--data", images, *FEW)
    done = nas(*arguments, "--out", "lenient")
    assert done.code == 0, done.err
    result = result_of(tmp_path / "lenient")
    assert result["train_images"] == 47
    (kind,) = (kind for kind in result["data"]["problems"].values() if kind["left_out"])
    assert list(kind["names"]) == [str(bad.relative_to(images))]
    assert f"truncated: {bad.relative_to(images)}" in done.err
    strict = nas(*arguments, "--strict", "--quiet", "--out", "strict")
    assert strict.code == 2
    assert str(bad.relative_to(images)) in strict.err
    assert strict.err.count("\n") == 1


def test_an_own_network_keeps_its_resolution_and_says_what_would_be_faster(nas, tmp_path):
    (tmp_path / "large.json").write_text(resized(TINY, resolution=48).to_json())
    done = nas("train", "large.json", "--data", SAMPLE, *FEW, "--json")
    assert json.loads(done.out)["resolution"] == 48
    assert "the network takes 48 px and the images have 16; --resolution 16 would" in done.err


def test_an_interruption_before_the_measurement_changes_nothing(
    nas, tmp_path, trained, monkeypatch
):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    arguments = ("train", "tiny.json", "--data", SAMPLE, *FEW, "--out", "other", "--quiet")
    with monkeypatch.context() as patch:
        patch.setattr("nas.training.run_job.evaluate", interrupt)
        done = nas(*arguments)
    assert done.code == 130
    assert done.err == "interrupted; the state is in other, and the same command goes on\n"
    assert not (tmp_path / "other" / "result.json").exists()
    assert nas(*arguments).code == 0
    weights = [folder / "weights.safetensors" for folder in (trained, tmp_path / "other")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize("command", ["train", "eval", "predict", "transfer"])
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from nas.cli.main import main\n"
        "try:\n"
        f"    main([{command!r}, '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'torch', 'optuna', 'numpy', 'PIL', 'timm', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet-v2",
        pytest.param("resnet-18", marks=pytest.mark.slow),
        pytest.param("efficientnet-b0", marks=pytest.mark.slow),
    ],
)
def test_reference_networks_take_the_size_of_the_images(nas, tmp_path, name):
    done = nas(
        "train", name, "--data", "sample:px=32,classes=3,images=6,test=3", "--epochs", 1,
        "--batch", 6, "--device", "cpu", "--set", "bn_recalibration_batches=1", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["resolution"], document["spec"]["classes"]) == (32, 3)
    assert document["folder"] == f"trained/{name}-sample"


def test_fine_tuning_makes_a_new_head_and_leaves_frozen_stages(nas, tmp_path, trained):
    done = nas(
        "train", "--from", trained / "weights.safetensors", "--data", OTHER_SAMPLE, *FEW,
        "--freeze", 1, "--out", "tuned",
    )  # fmt: skip
    assert done.code == 0, done.err
    result = result_of(tmp_path / "tuned")
    assert result["initial"]["new_classifier"] is True
    assert result["layer_decay"] == 0.75
    assert result["recipe"]["name"] == "finetune"
    before = load_file(trained / "weights.safetensors")
    after = load_file(tmp_path / "tuned" / "weights.safetensors")
    assert after["head.classifier.weight"].shape[0] == 6
    for name, tensor in after.items():
        frozen = name.startswith(("stem.", "stages.0."))
        if frozen:
            assert torch.equal(tensor, before[name]), name
        elif not name.startswith("head.classifier") and tensor.is_floating_point():
            assert not torch.equal(tensor, before[name]), name


def test_from_takes_the_weights_of_a_library(nas, tmp_path):
    from safetensors.torch import save_file
    from torchvision import models

    save_file(models.mobilenet_v3_small().state_dict(), tmp_path / "tv.safetensors")
    data = "sample:px=32,classes=3,images=12,test=6"
    few = ("--epochs", 1, "--batch", 6, "--device", "cpu", "--quiet", "--json")
    done = nas("train", "mobilenet-v3-small", "--data", data, "--from", "tv.safetensors", *few)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert "under torchvision's names, batch norm eps 0.001" in document["initial"]["source"]
    wrong = nas("train", "resnet-18", "--data", data, "--from", "tv.safetensors", *few)
    assert wrong.code == 2
    assert "are not resnet-18's under torchvision's or timm's names" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tiny.json", "--data", "nowhere"), "no file or folder 'nowhere'"),
        (("tinny.json", "--data", SAMPLE), "no network 'tinny.json'"),
        (("tiny.json", "--data", SAMPLE, "--recipe", "sort"), "no recipe 'sort'; there are"),
        (("tiny.json", "--data", SAMPLE, "--set", "mixup"), "--set mixup is not NAME=VALUE"),
        (("tiny.json", "--data", SAMPLE, "--set", "mixpu=1"), "did you mean 'mixup'"),
        (("tiny.json", "--data", SAMPLE, "--epochs", "0"), "epochs is 0"),
        (("tiny.json", "--data", SAMPLE, "--seed", "-1"), "--seed is -1"),
        (("tiny.json", "--data", SAMPLE, "--device", "tpu"), "device 'tpu'"),
        (("tiny.json", "--data", SAMPLE, "--freeze", "1"), "the weights are new; give --from"),
        (("tiny.json", "--data", SAMPLE, "--layer-decay", "2"), "--layer-decay is 2"),
        (("tiny.json", "--data", SAMPLE, "--holdout", "1"), "--holdout is 1"),
        (("tiny.json", "--data", SAMPLE, "--val", "--holdout", "0.1"), "give one of them"),
        (("tiny.json", "--data", SAMPLE, "--norm-eps", "0.1"), "--norm-eps belongs to"),
        (("tiny.json", "--data", SAMPLE, "--from", "a.pth"), "cannot read weights from a.pth"),
        (("tiny.json", "--data", SAMPLE, "--from", "tiny.json"), "not a safetensors file"),
        (("tiny.json", "--data", SAMPLE, "--out", "tiny.json"), "tiny.json is a file"),
        (("tiny.json", "--data", SAMPLE, "--out", "full"), "holds files but no job.json"),
        (("--data", SAMPLE), "no run found in runs/"),
        (("tiny.json",), "Missing option '--data'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(nas, tmp_path, arguments, message):
    write_tiny(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    done = nas("train", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "tiny.json"]


def test_weights_of_another_network_are_refused(nas, tmp_path, trained):
    arguments = ("--data", SAMPLE, "--from", trained / "weights.safetensors")
    done = nas("train", "mobilenet-v2", *arguments)
    assert done.code == 2
    assert "holds weights of another network (tiny) than mobilenet-v2" in done.err
    assert done.err.count("\n") == 1
    torch.save(load_file(trained / "weights.safetensors"), tmp_path / "w.pth")
    for command in (("eval", "w.pth", "--data", SAMPLE), ("train", "--from", "w.pth", *arguments)):
        done = nas(*command[:3], *(command[3:4] if command[0] == "eval" else ("--data", SAMPLE)))
        assert done.code == 2
        assert "weights must be safetensors" in done.err
        assert done.err.count("\n") == 1


LONG = ("--epochs", "30", "--batch", "8", "--device", "cpu", "--quiet")


def begin(folder: Path, out: str) -> subprocess.Popen:
    arguments = ["train", "tiny.json", "--data", SAMPLE, *LONG, "--out", out]
    return subprocess.Popen(
        [sys.executable, "-m", "nas", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epochs(folder: Path, epochs: int) -> None:
    deadline = time.monotonic() + 120
    log = folder / "log.csv"
    while time.monotonic() < deadline:
        if log.exists() and len(log.read_text().splitlines()) > epochs:
            return
        time.sleep(0.02)
    raise AssertionError("no epoch was finished")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_training_ends_with_the_same_weights_to_the_bit(tmp_path, number):
    write_tiny(tmp_path)
    whole = begin(tmp_path, "whole")
    assert whole.wait(timeout=240) == 0, whole.stderr.read()
    for epochs in (2, 9, 17):
        killed = begin(tmp_path, "killed")
        wait_for_epochs(tmp_path / "killed", epochs)
        killed.send_signal(number)
        code = killed.wait(timeout=240)
        if number == signal.SIGKILL:
            assert code == -number
        else:
            assert code == 130
            assert "the same command goes on" in killed.stderr.read()
        assert not (tmp_path / "killed" / "result.json").exists()
    last = begin(tmp_path, "killed")
    assert last.wait(timeout=240) == 0, last.stderr.read()
    weights = [tmp_path / name / "weights.safetensors" for name in ("whole", "killed")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    accuracies = [result_of(tmp_path / name)["accuracy"] for name in ("whole", "killed")]
    assert accuracies[0] == accuracies[1]


@pytest.mark.slow
def test_a_run_its_members_and_the_newest_run_train(nas, tmp_path):
    assert nas("search", "-t", "400M", "--trials", 12, "--quiet", "--out", "runs/a").code == 0
    assert nas("family", "--baseline", "runs/a", "--published").code == 0
    few = ("--epochs", 1, "--batch", 6, "--device", "cpu", "--resolution", 16, "--json")
    data = "sample:px=16,classes=3,images=6,test=3"
    best = find_network("runs/a")
    for arch, stages in (("runs/a", best.stages), ("runs/a:b1", None), (None, best.stages)):
        named = () if arch is None else (arch,)
        done = nas("train", *named, "--data", data, *few, "--out", f"out-{arch}".replace("/", "-"))
        assert done.code == 0, done.err
        document = json.loads(done.out)
        trained = find_network(f"{document['folder']}/result.json")
        if stages is not None:
            assert trained.stages == stages
        else:
            assert trained.depth > best.depth
    assert "nas: training the best network of the newest run, runs/a" in done.err
