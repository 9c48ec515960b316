"""Images to ONNX by one plan, killed in every stage and between two: the end is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_runs import WAIT_SECONDS, finish, start, state, until

from nas.pipeline.folder import stage_folders
from nas.runs.state import working_process
from nas.training.weights import load_weights

PLAN = """
data = "sample:px=16,classes=2,images=32,test=16"
device = "cpu"

[search]
target-flops = "2M"
trials = 2
epochs = 2
batch = 16
trust = 0

[retrain]
epochs = 4
batch = 16

[fit-scaling]
tolerance = "25%"
step = 0.25
epochs = 1
batch = 16
seeds = 2

[family]
phi = [0, 1]

[train]
epochs = 4
batch = 16

[export]
to = "onnx"

[report]
"""


def files(run: Path, pattern: str) -> int:
    return len(list(run.glob(pattern)))


# Stage -> when to kill, whom, and by what. The epochs of a training, the trainings of a search and
# of a fit, and the folder that an export fills are seen as files.
KILLS: dict[str, tuple[Callable[[Path], int], str, signal.Signals]] = {
    "search": (lambda run: files(run, "search/evaluator/**/seed-0.json"), "run", signal.SIGKILL),
    "retrain": (lambda run: files(run, "retrained/log.csv"), "stage", signal.SIGKILL),
    "fit-scaling": (lambda run: files(run, "fit/**/seed-0.json") > 2, "run", signal.SIGKILL),
    "family": (lambda run: files(run, "family/family.csv"), "run", signal.SIGKILL),
    "train": (lambda run: files(run, "trained-b1/log.csv"), "run", signal.SIGTERM),
    "export": (lambda run: files(run, "exported/.*.tmp"), "run", signal.SIGKILL),
}


def kill(process: subprocess.Popen[str], run: Path, stage: str) -> None:
    seen, whom, number = KILLS[stage]
    until(lambda: seen(run), process)
    place = stage_folders(run)[stage]
    target = process.pid if whom == "run" else working_process(place)
    assert target is not None, f"{stage} has ended already"
    os.kill(target, number)
    process.communicate()
    assert process.returncode != 0


def finished(folder: Path) -> Path:
    code, _, err = finish(folder, "whole.toml", wait=3 * WAIT_SECONDS)
    assert code == 0, err
    run = folder / "runs" / "whole"
    assert all(record["exit_code"] == 0 for record in state(run).values())
    return run


def results(run: Path) -> dict[str, object]:
    def read(name: str) -> dict:
        return json.loads((run / name).read_text())

    trained = {name: read(f"{name}/result.json") for name in ("retrained", "trained-b1")}
    coefficients = read("fit/coefficients.json")
    members = [path for path in (run / "family").iterdir() if path.name != "record.json"]
    return {
        "found": read("search/best.json")["best"]["digest"],
        "weights": {name: result["weights_digest"] for name, result in trained.items()},
        "top1": {name: result["accuracy"]["top1"] for name, result in trained.items()},
        "fit": [coefficients[name] for name in ("alpha", "beta", "gamma")],
        "family": {path.name: path.read_bytes() for path in members},
    }


def outputs(run: Path, name: str) -> np.ndarray:
    import onnxruntime

    model = onnxruntime.InferenceSession(run / "exported" / f"{name}-onnx" / "model.onnx")
    px = model.get_inputs()[0].shape[-1]
    images = np.random.default_rng(0).standard_normal((3, 3, px, px)).astype(np.float32)
    weights = run / ("retrained" if name == "found" else "trained-b1") / "weights.safetensors"
    with torch.inference_mode():
        ours = load_weights(weights).network("cpu").eval()(torch.from_numpy(images)).numpy()
    (logits,) = model.run(None, {model.get_inputs()[0].name: images})
    np.testing.assert_allclose(logits, ours, rtol=1e-3, atol=1e-3)
    return logits


@pytest.mark.slow
def test_killed_in_every_stage_it_ends_as_the_undisturbed_run(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    for name in ("calm", "killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "whole.toml").write_text(PLAN)
    calm = finished(tmp_path / "calm")
    run = tmp_path / "killed" / "runs" / "whole"
    for stage in KILLS:
        kill(start(tmp_path / "killed", "whole.toml"), run, stage)
    assert finished(tmp_path / "killed") == run
    assert results(run) == results(calm)
    for name in ("found", "b1"):
        np.testing.assert_array_equal(outputs(run, name), outputs(calm, name))
    assert not files(run, "exported/.*")
    report = (run / "report.html").read_text()
    for heading in ("trained-b1", "alpha", "2.000M"):
        assert heading in report
