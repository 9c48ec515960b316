"""`nas latency measure | table | script` as they are typed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from latency_space import SmallSpace, simulated

from nas.comparison.library_models import library_model
from nas.latency.subjects import find_subject
from nas.space import random_network

Nas = Callable[..., Any]
Write = Callable[[str, Any], Path]


@pytest.fixture
def arch(write: Write) -> Path:
    return write("tiny.json", random_network(SmallSpace(), 0)[0].to_dict())


@pytest.mark.parametrize("device", ["cpu", "onnxruntime"])
def test_networks_are_measured_together(nas: Nas, arch: Path, device: str) -> None:
    done = nas("latency", "measure", arch, arch, "--device", device, "--rounds", 6, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert document["device"]["kind"] == device
    assert "5 %" in document["noise_rule"]
    first, second = document["networks"]
    for each in (first, second):
        assert each["resolution_px"] == 16
        assert 0 < each["minimum_ms"] <= each["median_ms"]
        assert each["spread"] == pytest.approx(each["median_ms"] / each["minimum_ms"] - 1)
        assert each["rounds"] == 6
        assert each["clock"] == "cpu"
        assert each["images_per_second"] == pytest.approx(1e3 / each["minimum_ms"])


def test_the_csv_has_a_row_for_each_network(nas: Nas, arch: Path) -> None:
    done = nas("latency", "measure", arch, "--device", "onnxruntime", "--rounds", 5, "--csv")
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert float(row["minimum_ms"]) > 0
    assert row["device"].startswith("onnxruntime")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "tpu"), "no device 'tpu'"),
        (("--threads", "4096"), "--threads is 4096; this process may use"),
        (("--batch", "0"), "--batch is 0"),
        (("--rounds", "2"), "--rounds is 2"),
        (("--clock", "cpu", "--threads", "0"), "--threads is 0"),
        (("--clock", "sun"), "--clock is sun"),
    ],
)
def test_bad_settings_end_in_one_line(
    nas: Nas, arch: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = nas("latency", "measure", arch, *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_device_that_is_not_here_is_named(
    nas: Nas, arch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "there is no device 'cuda'" in nas("latency", "measure", arch, "--device", "cuda").err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = nas("latency", "measure", arch, "--device", "onnxruntime")
    assert "needs onnxruntime, which is not installed" in done.err


@pytest.mark.parametrize("name", ["torchvision:resnet19", "timm:efficientnet_b00"])
def test_an_unknown_model_gets_the_nearest_name(nas: Nas, name: str) -> None:
    done = nas("latency", "measure", name)
    assert done.code == 2
    assert "did you mean" in done.err


@pytest.mark.parametrize(
    ("name", "side"),
    # torchvision's recipes: references/classification/README.md of its repository.
    [("efficientnet_b3", 300), ("inception_v3", 299), ("resnet18", 224)],
)
def test_a_library_s_model_has_the_side_of_its_weights(name: str, side: int) -> None:
    measured = find_subject(f"torchvision:{name}")
    compared = library_model(name)
    assert compared is not None
    assert measured.resolution_px == compared.resolution_px == side
    assert find_subject(f"torchvision:{name}", resolution=96).resolution_px == 96


def test_a_table_is_fitted_to_another_machine_s_results(
    nas: Nas, work: dict[str, Any], write: Write
) -> None:
    results = write("results.json", simulated(work))
    done = nas("latency", "table", "--from", results, "-o", "there.json")
    assert done.code == 0, done.err
    assert "Kendall tau" in done.out
    assert "an imagined processor" in done.out
    document = json.loads(nas("latency", "table", "--from", results, "-o", "t.json", "--json").out)
    assert document["check"]["networks"] == 40
    assert document["parts"] == len(work["alone"])
    assert Path("there.json").read_text() == Path("t.json").read_text()


def test_a_table_measured_here_keeps_its_readings(
    nas: Nas, work: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.cli.latency_table._work", lambda space, settings: work)
    arguments = ("latency", "table", "--passes", 1, "--rounds", 2, "--quiet", "-o", "here.json")
    done = nas(*arguments)
    assert done.code == 0, done.err
    readings = json.loads(Path("here.json.results.json").read_text())["readings"]
    assert len(readings) == len(work["alone"]) + 80
    assert json.loads(Path("here.json").read_text())["check"]["networks"] == 40
    # Again: nothing is left to measure, and the readings stay.
    assert nas(*arguments).code == 0
    assert json.loads(Path("here.json.results.json").read_text())["readings"] == readings


def test_foreign_files_are_refused(nas: Nas, write: Write) -> None:
    foreign = write("foreign.json", {"a": 1})
    done = nas("latency", "table", "--from", foreign, "-o", "t.json")
    assert done.code == 2
    assert "holds no results" in done.err
    assert not Path("t.json").exists()


def test_the_script_comes_with_its_work_file(
    nas: Nas, work: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.cli.latency_table._work", lambda space, settings: work)
    done = nas("latency", "script", "--space", "small", "-o", "measure.py")
    assert done.code == 0
    assert "python measure.py measure.work.json" in done.out
    assert json.loads(Path("measure.work.json").read_text()) == work
    compile(Path("measure.py").read_text(), "measure.py", "exec")
