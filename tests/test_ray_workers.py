"""Searches on a Ray cluster of several nodes on this machine, some of which do not live long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.errors import WorkersError
from nas.ray_workers import RaySettings, RayWorkers
from nas.runs.records import open_run
from nas.searching.config import SearchConfig
from nas.searching.ledger import Ledger
from nas.searching.loop import Outcome, Search, make_executor
from nas.searching.problem import load_problem
from nas.space import random_network
from nas.workers import Task, WorkerSettings

# Read when Ray is imported: tests report nothing to its makers.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
ray = pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")

TESTS = Path(__file__).resolve().parent

# One cluster at a time: nodes of two would compete for ports and for two processors.
pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster of one node that has no room for workers."""
    from ray.cluster_utils import Cluster

    started = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    yield started
    started.shutdown()


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """That cluster; the nodes that a test adds are gone afterwards."""
    yield head
    ray.shutdown()
    for node in list(head.worker_nodes):
        head.remove_node(node)


def search(folder: Path, settings: RaySettings | None, workers: int, **changes: Any) -> Outcome:
    return start(folder, settings, workers, lambda ledger: None, **changes)


def start(
    folder: Path, settings: RaySettings | None, workers: int, observe: Any, **changes: Any
) -> Outcome:
    asked: dict[str, Any] = {
        "target_flops": 400_000_000,
        "sampler": "random",
        "evaluator": "toys:Slow",
        "trials": 20,
    }
    config = SearchConfig(**{**asked, **changes})
    problem = load_problem(config)
    run = open_run(folder, config, "nas search")
    executor = make_executor(problem, run, workers, ray=settings)
    return Search(problem, run, executor, observe).execute()


def judged(outcome: Outcome) -> dict[str, Any]:
    """Digest -> accuracy, or None where the network was set aside."""
    trials = [t.user_attrs for t in outcome.trials if "repeat_of" not in t.user_attrs]
    return {attrs["digest"]: attrs.get("accuracy") for attrs in trials}


def test_a_node_killed_in_a_search_loses_nothing_and_another_takes_its_place(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "paid.log"))
    monkeypatch.setenv("TOY_SECONDS", "0.01")
    here = search(tmp_path / "here", None, 1, trials=40)
    # The nodes are started now, so that their workers have this environment.
    monkeypatch.setenv("TOY_SECONDS", "0.5")
    (tmp_path / "paid.log").unlink()
    nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
    cluster.wait_for_nodes()

    def disturb(ledger: Ledger) -> None:
        if ledger.evaluations == 6 and len(nodes) == 2:
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        if ledger.evaluations == 14 and len(nodes) == 1:
            nodes.append(cluster.add_node(num_cpus=2))

    settings = RaySettings(cluster.address)
    outcome = start(tmp_path / "there", settings, 4, disturb, trials=40)
    assert judged(outcome) == judged(here)
    paid = (tmp_path / "paid.log").read_text().split()
    assert set(paid) == set(judged(here))
    notes = (tmp_path / "there" / "workers" / "ray.log").read_text()
    assert notes.count(" was lost: ") == 2
    assert notes.count(" started on ") >= 5, "the node that joined took the lost one's place"
    assert not (tmp_path / "there" / "pending.json").exists()


def test_a_network_that_kills_its_actor_three_times_is_set_aside_by_name(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "paid.log"))
    cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    settings = RaySettings(cluster.address)
    outcome = search(tmp_path / "run", settings, 2, evaluator="toys:Deadly", trials=8)
    assert outcome.evaluations == 8
    lost = [t.user_attrs for t in outcome.trials if "error" in t.user_attrs]
    assert {attrs["digest"] for attrs in lost} == {d for d in judged(outcome) if d[0] in "01234"}
    assert lost, "the toy kills its worker over some networks"
    for attrs in lost:
        assert attrs["digest"][:8] in attrs["error"]
        assert "killed its worker 3 times" in attrs["error"]


def test_actors_share_a_gpu_and_are_told_which(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cluster.add_node(num_cpus=4, num_gpus=2)
    cluster.wait_for_nodes()
    settings = RaySettings(cluster.address, gpus_per_candidate=0.5)
    outcome = search(tmp_path / "run", settings, 4, evaluator="toys:TellsGpu", trials=8)
    assert {t.user_attrs["source"] for t in outcome.trials} == {"GPU 0", "GPU 1"}


def test_too_little_room_is_told_after_a_wait(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(WorkersError) as caught:
        search(tmp_path / "run", RaySettings(cluster.address, patience=3.0), 3)
    said = str(caught.value)
    assert "room for 0 of 3 workers, and none more in 3 s" in said
    assert "need 3 CPUs, it has 0 CPUs and 0 GPUs" in said
    assert "\n" not in said


def test_actors_that_cannot_start_end_the_search_with_the_reason(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    # A space of a module that only this process has.
    elsewhere = types.ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", elsewhere)
    space = type("Space", (), {"__module__": "only_here", "name": "only-here"})
    elsewhere.Space = space  # type: ignore[attr-defined]
    settings = WorkerSettings("toys:Slow", space(), 0, tmp_path / "run" / "evaluator")
    with pytest.raises(WorkersError, match=r"failed to start 3 times: .*only_here") as caught:
        RayWorkers(settings, 1, RaySettings(cluster.address))
    assert "\n" not in str(caught.value)


def test_workers_that_are_all_lost_end_the_search_with_a_word(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "paid.log"))
    monkeypatch.setenv("TOY_SECONDS", "60")
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    problem = load_problem(SearchConfig(400_000_000, evaluator="toys:Slow"))
    settings = WorkerSettings("toys:Slow", problem.space, 0, tmp_path / "run" / "evaluator")
    workers = RayWorkers(settings, 1, RaySettings(cluster.address))
    workers._options = RaySettings(cluster.address, patience=3.0)
    workers.submit(Task(0, random_network(problem.space, 0)[0]))
    cluster.remove_node(node, allow_graceful=False)
    (done,) = workers.wait()
    assert done.killed
    workers.submit(Task(0, random_network(problem.space, 0)[0]))
    with pytest.raises(WorkersError, match="every Ray worker was lost"):
        workers.wait()
    workers.close()


def nas(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = ["search", "-t", "400M", "--quiet", "--out", "run", *arguments]
    return subprocess.run(
        [sys.executable, "-m", "nas", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_a_cluster_of_this_machine_alone_is_started_and_ended(tmp_path: Path) -> None:
    asked = ("--evaluator", "toys:Slow", "--trials", "6", "--json")
    done = nas("--ray", "local", "--workers", "2", *asked, cwd=tmp_path, TOY_LOG="log")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evaluations"] == 6
    assert len((tmp_path / "log").read_text().split()) == 6
    notes = (tmp_path / "run" / "workers" / "ray.log").read_text()
    assert notes.count(" started on ") == 2


BAD = [
    (("--ray", "127.0.0.1:1", "--evaluator", "toys:Slow"), "Connection refused"),
    (("--ray", "nowhere.invalid:6379", "--evaluator", "toys:Slow"), "nowhere.invalid:6379"),
    (("--ray", "local"), "leave --ray out"),
    (("--ray", "local", "--gpus-per-candidate", "1.5"), "whole number"),
    (("--gpus-per-candidate", "1"), "needs --ray"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_a_bad_cluster_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    begun = time.monotonic()
    done = nas(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr
    assert time.monotonic() - begun < 60


def test_ray_that_is_not_installed_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("raise ImportError('no ray')")
    done = nas("--ray", "local", "--evaluator", "toys:Slow", cwd=tmp_path)
    assert done.returncode == 2
    assert "compound-nas[ray]" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
