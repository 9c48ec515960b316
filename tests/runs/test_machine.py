"""The machine in a record: the kernel's own account of it, and the GPUs that CUDA may use."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nas.runs.machine import described, gpu_names, machine
from nas.runs.records import open_run
from nas.searching.config import SearchConfig

GPUS = """\
0, GPU-aa11, NVIDIA A100-SXM4-40GB
1, GPU-bb22, NVIDIA A100-SXM4-40GB
2, GPU-cc33, Tesla T4
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `nvidia-smi` that knows three GPUs."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{GPUS}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return program


def test_a_run_records_the_machine_that_it_began_on(tmp_path: Path) -> None:
    open_run(tmp_path, SearchConfig(400_000_000), "nas search")
    found = json.loads((tmp_path / "run.json").read_text())["machine"]
    if hasattr(os, "sched_getaffinity"):
        assert found["cores"] == len(os.sched_getaffinity(0))
    memory = Path("/proc/meminfo")
    if memory.exists():
        total = next(x for x in memory.read_text().splitlines() if x.startswith("MemTotal"))
        assert found["memory_gib"] == pytest.approx(int(total.split()[1]) / 2**20, abs=0.1)
    models = Path("/proc/cpuinfo")
    if models.exists() and "model name" in models.read_text():
        assert f": {found['processor']}\n" in models.read_text()
    assert found == machine()


def test_gpus_are_those_that_cuda_may_use(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a100, t4 = "NVIDIA A100-SXM4-40GB", "Tesla T4"
    assert gpu_names() == [a100, a100, t4]
    for visible, names in (("2,0", [t4, a100]), ("GPU-bb", [a100]), ("", []), ("-1", [])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpu_names() == names


def test_a_driver_that_fails_is_no_gpu(driver: Path) -> None:
    driver.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed' >&2\nexit 9\n")
    assert gpu_names() == []


def test_a_machine_in_words() -> None:
    content = {"processor": "Abacus 3", "cores": 1, "memory_gib": 7.8, "gpus": ["T4", "T4"]}
    assert described(content) == "Abacus 3, 1 core, 7.8 GiB of memory, 2 x T4"
    assert described({"gpus": []}) == "processor not known, no GPU"
