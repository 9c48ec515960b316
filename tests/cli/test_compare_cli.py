"""`nas compare` as a person uses it."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_training import SAMPLE, TINY, write_tiny

from nas.model import build
from nas.training.weights import save_weights

Run = Callable[..., Any]


def write_weights(folder: Path, name: str, seed: int) -> Path:
    """Untrained weights for the sample's classes, as `nas train` writes them."""
    network = build(dataclasses.replace(TINY, classes=4, name=name), seed=seed)
    path = folder / f"{name}.safetensors"
    from nas.data.opening import open_data

    save_weights(path, network, open_data(SAMPLE).classes)
    return path


def test_text_has_ratios_and_the_definition(nas: Run) -> None:
    done = nas("compare", "efficientnet-b0", "resnet-50")
    assert (done.code, done.err) == (0, "")
    line = next(line for line in done.out.splitlines() if line.strip().startswith("resnet-50"))
    assert line.split() == ["resnet-50", "counted", "224", "25.56M", "4.83x", "4.089G", "10.6x",
                            "11.11M"]  # fmt: skip
    assert "counted ratios are over efficientnet-b0" in done.out
    assert "multiply-adds of convolution and linear layers" in done.out


def test_json_has_the_documented_keys_and_csv_the_same(nas: Run, tmp_path: Path) -> None:
    done = nas("compare", "resnet-18", "resnet-34", "--csv", "out.csv", "--json")
    document = json.loads(done.out)
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [row["network"] for row in rows] == ["resnet-18", "resnet-34"]
    assert list(rows[0]) == list(document["rows"][0])
    help_text = " ".join(nas("compare", "--help").out.split())
    assert all(key in help_text for key in (*document, *rows[0]))


def test_the_papers_table_needs_no_network(nas: Run) -> None:
    document = json.loads(nas("compare", "--published", "--json").out)
    published = [row for row in document["rows"] if row["figures"].startswith("published")]
    counted = [row for row in document["rows"] if row["figures"] == "counted"]
    assert len(published) == 24
    assert [row["network"] for row in counted][:3] == [
        "efficientnet-b0",
        "resnet-50",
        "densenet-169",
    ]
    text = nas("compare", "--published", "--edition", "icml", "--markdown").out
    assert "| EfficientNet-B7 | published, Tables 2 and 4, ICML text | - | 84.4 % |" in text


def test_weights_are_measured_as_nas_eval_measures_them(nas: Run, tmp_path: Path) -> None:
    first, second = (write_weights(tmp_path, name, seed) for seed, name in enumerate("ab"))
    done = nas("compare", first, "efficientnet-b0", "--weights", second, "--data", SAMPLE, "--json")
    document = json.loads(done.out)
    rows = {row["network"]: row for row in document["rows"]}
    for path in (first, second):
        measured = json.loads(nas("eval", path, "--data", SAMPLE, "--json").out)["accuracy"]
        row = rows[str(path)]
        assert row["figures"] == "counted; accuracy measured here"
        assert (row["top1"], row["top5"]) == (measured["top1"], measured["top5"])
        assert any(measured["measured_on"] in note for note in document["notes"])
    assert rows["efficientnet-b0"]["top1"] is None
    assert "not measured, no weights: efficientnet-b0" in document["notes"]


def test_a_librarys_weights_are_measured_under_our_names(nas: Run, tmp_path: Path) -> None:
    models = pytest.importorskip("torchvision").models
    from safetensors.torch import save_file

    from nas.data.opening import open_data
    from nas.data.streaming import pixel_source
    from nas.training.evaluating import evaluate

    theirs, file = models.resnet18(num_classes=4), tmp_path / "theirs.safetensors"
    save_file(theirs.state_dict(), file)
    weights = ("--weights", f"resnet-18={file}", "--resolution", 32)
    done = nas("compare", "resnet-18", *weights, "--data", SAMPLE, "--device", "cpu", "--json")
    assert done.code == 0, done.err
    (row,) = json.loads(done.out)["rows"]
    data = open_data(SAMPLE)
    assert data.test is not None
    pixels = pixel_source(data.test, None, 32, report=data.problems)
    expected = evaluate(theirs, pixels, resolution=32, device="cpu")
    assert row["top1"] == pytest.approx(expected.top1)
    assert row["params"] == sum(tensor.numel() for tensor in theirs.parameters())
    assert row["resolution_px"] == 32


def test_latencies_are_measured_together(nas: Run, tmp_path: Path) -> None:
    small = write_tiny(tmp_path)
    wide = tmp_path / "wide.json"
    wide.write_text(dataclasses.replace(TINY, resolution=128, name="wide").to_json())
    done = nas("compare", small, wide, "--latency", "cpu", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    first, second = document["rows"]
    assert first["figures"] == "counted; latency measured here"
    assert min(first["latency_ms"], second["latency_ms"]) > 0
    assert second["speedup"] == pytest.approx(first["latency_ms"] / second["latency_ms"])
    assert any("minimum of interleaved rounds, batch 1" in note for note in document["notes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name networks to compare, or ask for the paper's table: --published"),
        (("efficientnet-b0", "--baseline", "resnet-50"), "--baseline resnet-50 is not among"),
        (("efficientnet-b0", "--data", "sample"), "--data measures weights and none are given"),
        (
            ("efficientnet-b0", "--weights", "resnet-50=w.safetensors"),
            "'resnet-50' is not among the networks",
        ),
        (
            ("densenet-121", "--weights", "densenet-121=w.safetensors"),
            "nas reads weights of networks that are specs",
        ),
        (
            ("efficientnet-b0", "--weights", "efficientnet-b0=w.safetensors"),
            "is measured on images; add --data DIR",
        ),
        (("--published", "--edition", "v4"), "no edition 'v4'"),
        (("efficientnet-b0", "--latency", "tpu"), "tpu"),
        (("absent.safetensors",), "absent.safetensors"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    nas: Run, arguments: tuple[str, ...], message: str
) -> None:
    done = nas("compare", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert message in done.err


def test_counting_alone_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from nas.cli.main import main\n"
        "try:\n    main(['compare', 'efficientnet-b0', 'densenet-121', '--published'])\n"
        "finally:\n    assert not {'torch', 'pandas', 'timm', 'torchvision'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
