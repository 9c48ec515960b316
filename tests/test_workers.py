"""Worker processes: what they do not survive, the search does."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from nas.errors import EvaluationError
from nas.evaluators.base import Accuracy
from nas.runs.records import StudyLog, open_run, read_run
from nas.searching.config import SearchConfig
from nas.searching.ledger import Ledger
from nas.searching.loop import Outcome, Search, make_executor
from nas.searching.problem import load_problem
from nas.space import random_network
from nas.workers import ProcessWorkers, Task, WorkerSettings

TESTS = Path(__file__).resolve().parent
TRIALS = 24
# For spaces of small networks.
SMALL = {"target_flops": 360_000_000}


@pytest.fixture(autouse=True)
def toy_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "paid.log"))
    return tmp_path / "paid.log"


def start(folder: Path, workers: int, **changes: Any) -> Search:
    asked: dict[str, Any] = {
        "target_flops": 400_000_000,
        "sampler": "random",
        "evaluator": "toys:Slow",
        "trials": TRIALS,
    }
    config = SearchConfig(**{**asked, **changes})
    problem = load_problem(config)
    run = open_run(folder, config, "nas search")
    return Search(problem, run, make_executor(problem, run, workers))


def search(folder: Path, workers: int, **changes: Any) -> Outcome:
    return start(folder, workers, **changes).execute()


@contextmanager
def workers_of(
    folder: Path, workers: int, evaluator: str = "toys:Slow"
) -> Iterator[ProcessWorkers]:
    space = load_problem(SearchConfig(400_000_000, evaluator=evaluator)).space
    started = ProcessWorkers(WorkerSettings(evaluator, space, 0, folder / "evaluator"), workers)
    with closing(started):
        yield started


def task(number: int) -> Task:
    space = load_problem(SearchConfig(400_000_000, evaluator="toys:Slow")).space
    return Task(number, random_network(space, number)[0])


def judged(outcome: Outcome) -> dict[str, Any]:
    """Digest -> accuracy, or None where the network was set aside."""
    trials = [t.user_attrs for t in outcome.trials if "repeat_of" not in t.user_attrs]
    return {attrs["digest"]: attrs.get("accuracy") for attrs in trials}


def errors(outcome: Outcome) -> list[str]:
    return [t.user_attrs["error"] for t in outcome.trials if "error" in t.user_attrs]


def descendants(pid: int) -> set[int]:
    """The living processes below one, by what the kernel says."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found |= {int(entry.name)} | descendants(int(entry.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone_within(seconds: float, pids: set[int]) -> bool:
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def test_several_workers_judge_the_same_networks_as_one(tmp_path: Path) -> None:
    one, three = search(tmp_path / "one", 1), search(tmp_path / "three", 3)
    assert judged(one) == judged(three)
    logs = {path.name for path in (tmp_path / "three" / "workers").iterdir()}
    assert logs == {"worker-0.log", "worker-1.log", "worker-2.log"}
    assert not (tmp_path / "three" / "pending.json").exists()


def test_a_worker_killed_over_a_network_is_replaced_and_the_network_tried_again(
    tmp_path: Path,
) -> None:
    undisturbed = search(tmp_path / "whole", 1)
    outcome = search(tmp_path / "run", 3, evaluator="toys:DiesOnce")
    assert len(list(tmp_path.glob("died-*"))) > 3
    assert judged(outcome) == judged(undisturbed)


def test_a_worker_killed_from_outside_is_told_by_its_signal_and_replaced(tmp_path: Path) -> None:
    with workers_of(tmp_path / "run", 1, "toys:TellsPid") as workers:
        workers.submit(task(0))
        (done,) = workers.wait()
        pid = int(done.judgement.source)  # type: ignore[union-attr]
        workers.submit(task(1))
        os.kill(pid, signal.SIGKILL)
        (done,) = workers.wait()
        assert done.killed
        assert done.judgement == "its worker was ended by SIGKILL; see workers/worker-0.log"
        workers.submit(task(1))
        (done,) = workers.wait()
        assert int(done.judgement.source) != pid  # type: ignore[union-attr]


def test_a_network_that_kills_its_worker_three_times_is_set_aside_by_name(tmp_path: Path) -> None:
    outcome = search(tmp_path / "run", 2, evaluator="toys:Deadly", trials=8)
    assert outcome.evaluations == 8
    lost = [t.user_attrs for t in outcome.trials if "error" in t.user_attrs]
    assert {attrs["digest"] for attrs in lost} == {d for d in judged(outcome) if d[0] in "01234"}
    assert lost, "the toy kills its worker over some networks"
    for attrs in lost:
        assert f"network {attrs['digest'][:8]} killed its worker 3 times" in attrs["error"]
        assert "SIGKILL" in attrs["error"]


def test_an_evaluator_that_leaves_or_answers_oddly_fails_that_network_only(tmp_path: Path) -> None:
    outcome = search(tmp_path / "run", 2, evaluator="toys:Leaving", trials=12)
    reasons = errors(outcome)
    assert outcome.evaluations == 12
    assert "SystemExit: leaving" in reasons
    assert any("ickl" in reason for reason in reasons)
    assert len(reasons) < 12


def test_a_space_that_cannot_be_hashed_is_searched_all_the_same(tmp_path: Path) -> None:
    outcome = search(tmp_path / "run", 2, space="toys:UnhashableSpace", trials=4, **SMALL)
    assert not errors(outcome)


def test_gpus_are_dealt_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    sources = {}
    with workers_of(tmp_path / "run", 3, "toys:TellsGpu") as workers:
        for number in range(3):
            workers.submit(task(number))
        while len(sources) < 3:
            sources.update({done.key: done.judgement.source for done in workers.wait()})  # type: ignore[union-attr]
    assert sources == {0: "GPU 0", 1: "GPU 1", 2: "GPU 0"}


def test_closing_does_not_wait_for_what_has_just_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_SECONDS", "60")
    with workers_of(tmp_path / "run", 2) as workers:
        started = {slot.process.pid for slot in workers._slots}
        workers.submit(task(0))
        begun = time.monotonic()
        workers.close()
        # Far less than the evaluation's minute, however busy the machine is.
        assert time.monotonic() - begun < 30
    assert len(started) == 2
    assert not any(alive(pid) for pid in started if pid is not None)


def driver(folder: Path, *arguments: str, seconds: float = 0.1) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = ["search", "-t", "400M", "--evaluator", "toys:Slow", "--sampler", "random", "--quiet"]
    words += ["--trials", str(TRIALS), "--out", str(folder), *arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "nas", *words],
        env={**os.environ, "PYTHONPATH": path, "TOY_SECONDS": str(seconds)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until_paid(log: Path, networks: int) -> None:
    deadline = time.monotonic() + 240
    while not log.exists() or len(log.read_text().split()) < networks:
        assert time.monotonic() < deadline, "nothing was judged in four minutes"
        time.sleep(0.02)


def test_workers_of_a_killed_driver_end_by_themselves(tmp_path: Path, toy_log: Path) -> None:
    process = driver(tmp_path / "run", "--workers", "3", seconds=1.0)
    until_paid(toy_log, 1)
    below = descendants(process.pid)
    assert len(below) >= 3
    process.kill()
    process.communicate()
    assert gone_within(30, below)


@pytest.mark.parametrize("everybody", [True, False], ids=["as a terminal does", "driver only"])
def test_ctrl_c_ends_the_workers_without_a_traceback(
    tmp_path: Path, toy_log: Path, everybody: bool
) -> None:
    process = driver(tmp_path / "run", "--workers", "3", seconds=1.0)
    until_paid(toy_log, 1)
    below = descendants(process.pid)
    if everybody:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert gone_within(30, below)


def test_ctrl_c_while_workers_start_leaves_none(tmp_path: Path) -> None:
    process = driver(tmp_path / "run", "--workers", "6")
    deadline = time.monotonic() + 240
    while len(descendants(process.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    below = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert gone_within(30, below)


def test_a_killed_run_of_several_workers_ends_with_the_same_networks(
    tmp_path: Path, toy_log: Path
) -> None:
    undisturbed = search(tmp_path / "whole", 1)
    toy_log.unlink()
    generator = random.Random(7)
    kills = 0
    while kills < 6:
        process = driver(tmp_path / "run", "--workers", "3")
        paid = len(toy_log.read_text().split()) if toy_log.exists() else 0
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline:
            if toy_log.exists() and len(toy_log.read_text().split()) > paid:
                break
            time.sleep(0.01)
        time.sleep(generator.random() * 0.2)
        if process.poll() is not None:
            break
        process.kill()
        process.communicate()
        kills += 1
    assert kills >= 2
    time.sleep(1)  # the last driver's workers end
    outcome = search(tmp_path / "run", 3)
    assert judged(outcome) == judged(undisturbed)
    # Paid for again is at most what was under way at a kill.
    assert len(toy_log.read_text().split()) <= TRIALS + 3 * kills


def test_what_was_under_way_comes_first_when_a_run_goes_on(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole", 1)
    stopped = start(tmp_path / "run", 3)
    seen: list[Ledger] = []

    def stop(ledger: Ledger) -> None:
        seen.append(ledger)
        if ledger.evaluations == 5:
            raise KeyboardInterrupt

    stopped._observe = stop
    with pytest.raises(KeyboardInterrupt):
        stopped.execute()
    pending = {entry["question"] for entry in stopped._read_pending()}
    recorded = {t.user_attrs["question"] for t in seen[-1].trials}
    under_way = sorted(pending - recorded)
    assert len(under_way) == 2
    again = search(tmp_path / "run", 1)
    questions = [t.user_attrs["question"] for t in again.trials]
    assert sorted(questions[5:7]) == under_way
    assert judged(again) == judged(whole)


@pytest.mark.parametrize("left", ["", "[{", None], ids=["empty", "cut", "gone"])
def test_what_was_under_way_is_asked_again_where_its_file_was_lost(
    tmp_path: Path, left: str | None
) -> None:
    whole = search(tmp_path / "whole", 1)
    stopped = start(tmp_path / "run", 3)

    def stop(ledger: Ledger) -> None:
        if ledger.evaluations == 5:
            raise KeyboardInterrupt

    stopped._observe = stop
    with pytest.raises(KeyboardInterrupt):
        stopped.execute()
    pending = tmp_path / "run" / "pending.json"
    pending.unlink() if left is None else pending.write_text(left)
    assert judged(search(tmp_path / "run", 3)) == judged(whole)


def test_the_journal_of_a_run_of_several_workers_holds_every_question_once(tmp_path: Path) -> None:
    search(tmp_path / "run", 3)
    log = StudyLog(read_run(tmp_path / "run"), ["maximize"])
    questions = sorted(t.user_attrs["question"] for t in log.trials())
    assert questions == list(range(len(questions)))


def test_numbers_of_numpy_and_torch_are_recorded_as_plain_ones() -> None:
    import numpy as np
    import torch

    for value in (np.float32(0.5), torch.tensor(0.5)):
        answer = Accuracy(value, "given", sd=np.float32(0.25))  # type: ignore[arg-type]
        assert (type(answer.value), type(answer.sd)) == (float, float)
    with pytest.raises(EvaluationError, match="is a NoneType, not a number"):
        Accuracy(None, "given")  # type: ignore[arg-type]


def test_ctrl_c_while_the_journal_is_unlocked_is_no_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optuna.storages.journal import JournalFileSymlinkLock

    stopped = start(tmp_path / "run", 1)
    released = []

    def release(lock: JournalFileSymlinkLock) -> None:
        # What Optuna's own does where the interrupt comes after its last step.
        Path(lock._lock_file).unlink()
        released.append(lock)
        if len(released) == 6:
            try:
                raise KeyboardInterrupt
            except BaseException:
                Path(lock._lock_file).unlink()

    monkeypatch.setattr(JournalFileSymlinkLock, "release", release)
    with pytest.raises(KeyboardInterrupt):
        stopped.execute()
