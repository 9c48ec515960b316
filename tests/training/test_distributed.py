"""Two processes train as one does, and go on after one of them was killed.

On the CPU torch has no synchronised batch norm, so the network has group norms: what each process
computes for its images is then what one process computes for them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from distributed_script import RECIPE, plain_network, streamed
from learnable import coloured_squares

from nas.errors import TrainingError
from nas.training import distributed
from nas.training.distributed import Processes, current_processes, joined
from nas.training.loop import train
from nas.training.recipe import load_recipe

SCRIPT = Path(__file__).with_name("distributed_script.py")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    here = [str(SCRIPT.parent), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "PYTHONPATH": os.pathsep.join(here), "OMP_NUM_THREADS": "1", **more}


def found_in(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return content


def start(folder: Path, count: int, *words: str) -> list[subprocess.Popen[bytes]]:
    folder.mkdir()
    group = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, str(SCRIPT), str(folder), *words]
    if count == 1:
        return [subprocess.Popen(command, env=environment())]
    return [
        subprocess.Popen(command, env=environment(RANK=str(rank), LOCAL_RANK=str(rank), **group))
        for rank in range(count)
    ]


def assert_alike(one: dict[str, Any], two: dict[str, Any]) -> None:
    # Sums over two halves are rounded differently than over a whole.
    for name in ("losses", "val_losses", "top1"):
        assert one[name] == pytest.approx(two[name], rel=1e-4)
    for ours, theirs in zip(one["weights"], two["weights"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-2, abs=1e-4)


def test_two_processes_follow_one(tmp_path: Path) -> None:
    running = start(tmp_path / "two", 2) + start(tmp_path / "one", 1)
    assert [process.wait(240) for process in running] == [0, 0, 0]
    one, two = found_in(tmp_path / "one"), found_in(tmp_path / "two")
    assert (one["processes"], two["processes"]) == (1, 2)
    assert (one["batch_size"], two["batch_size"]) == (32, 16)
    assert_alike(one, two)


def test_two_processes_stay_in_step_over_images_that_cannot_be_read(tmp_path: Path) -> None:
    """Each meets others of them; were a batch left short, one would wait for the other for good."""
    running = start(tmp_path / "two", 2, "0", "stream")
    alone = train(
        plain_network(),
        streamed(coloured_squares(96)),
        coloured_squares(41, seed=1),
        load_recipe("short", **RECIPE),
        resolution=16,
        seed=0,
        device="cpu",
    )
    assert [process.wait(240) for process in running] == [0, 0]
    two = found_in(tmp_path / "two")
    assert (two["processes"], two["steps"]) == (2, 12)
    losses = [report.train_loss for report in alone.history]
    assert two["losses"] == pytest.approx(losses, rel=1e-4)
    assert two["top1"] == pytest.approx(alone.top1)


@pytest.mark.slow
def test_after_one_was_killed_they_go_on(tmp_path: Path) -> None:
    (reference,) = start(tmp_path / "one", 1)
    folder = tmp_path / "two"
    folder.mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    torchrun += ["--nproc-per-node", "2", "--max-restarts", "0", str(SCRIPT), str(folder), "2"]
    codes = []
    # Commands of their own, and some to spare, not --max-restarts: gloo sometimes fails to connect
    # on a busy machine, and again to processes that died a moment ago.
    while len(codes) < 5 and 0 not in codes:
        codes.append(
            subprocess.run(torchrun, env=environment(), timeout=400, check=False).returncode
        )
    assert codes[-1] == 0
    assert len(codes) > 1
    assert (folder / "killed").exists()
    assert reference.wait(240) == 0
    assert_alike(found_in(tmp_path / "one"), found_in(folder))


def test_a_batch_is_shared_in_its_order() -> None:
    order = torch.arange(12)
    parts = [Processes(rank, 2).own_part(order, 6).tolist() for rank in range(2)]
    assert parts == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]
    with pytest.raises(TrainingError, match="7 is not a multiple of the 2 processes; use 6"):
        Processes(0, 2).share(7)


def test_one_gpu_for_all_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = pytest.raises(TrainingError, match="gives each process a GPU of its own; use cuda")
    with refused, joined("cuda:1"):
        pass


def test_processes_share_the_memory_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """All get the leader's figure: streaming in one of them alone would draw another order."""
    monkeypatch.setattr(distributed, "available_memory_bytes", lambda: 1000)
    assert Processes().pixel_memory_bytes() == 400
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    told: list[int] = []

    def broadcast(said: list[int], src: int) -> None:
        told.append(said[0])
        said[0] = 77

    monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
    assert Processes(1, 8).pixel_memory_bytes() == 77
    assert told == [100]


def test_alone_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with joined() as processes:
        assert processes == current_processes() == Processes(0, 1)
        assert processes.leads
        assert processes.agree(True)
