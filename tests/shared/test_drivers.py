"""Several drivers on one database: nothing twice, nothing lost, whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from database_server import DatabaseServer, missing

from nas.objective import Bound
from nas.runs.records import open_run, study_name
from nas.runs.status import find_source, read_status
from nas.searching.config import SearchConfig
from nas.searching.loop import Outcome, make_executor
from nas.searching.problem import load_problem
from nas.searching.results import summarise
from nas.shared.claims import is_claim, judged_networks, settled
from nas.shared.database_url import driver_url, is_shared, shown_url
from nas.shared.driver import SharedSearch
from nas.shared.storage import SharedSettings

TESTS = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[DatabaseServer]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    running = DatabaseServer()
    yield running
    running.remove()


def config_of(url: str, **changes: Any) -> SearchConfig:
    settings: dict[str, Any] = {"evaluator": "toys:Toy", "sampler": "random", "trials": 12}
    return SearchConfig(400_000_000, storage=url, **{**settings, **changes})


def drive(folder: Path, config: SearchConfig) -> Outcome:
    """One driver in this process."""
    problem, run = load_problem(config), open_run(folder, config, "nas search")
    return SharedSearch(problem, run, [make_executor(problem, run, 1)]).execute()


class Drivers:
    """Drivers in processes of their own, with a slow evaluator that logs what it judges."""

    def __init__(self, url: str, folder: Path, seed: int, seconds: float) -> None:
        self.folder = folder
        self.log = folder / "evaluated.log"
        self.settings = {"evaluator": "toys:Slow", "sampler": "random", "seed": seed, "trials": 12}
        self._url = url
        self._seconds = seconds
        self._made = 0

    @property
    def study(self) -> optuna.Study:
        config = SearchConfig(400_000_000, **self.settings)  # type: ignore[arg-type]
        return optuna.load_study(study_name=study_name(config), storage=driver_url(self._url))

    def start(self, workers: int = 1) -> subprocess.Popen[str]:
        self._made += 1
        folder = self.folder / f"driver-{self._made}"
        path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        extra = {"PYTHONPATH": path, "TOY_LOG": str(self.log), "TOY_SECONDS": str(self._seconds)}
        return subprocess.Popen(
            [
                sys.executable,
                str(TESTS / "shared_driver.py"),
                self._url,
                str(folder),
                json.dumps(self.settings),
                str(workers),
            ],
            env={**os.environ, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, evaluated: int) -> None:
        deadline = time.monotonic() + 240
        while not self.log.exists() or len(self.evaluated()) < evaluated:
            assert time.monotonic() < deadline, "the drivers judged too little in four minutes"
            time.sleep(0.05)

    def evaluated(self) -> list[str]:
        return self.log.read_text().split()


@pytest.fixture
def drivers(
    server: DatabaseServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Drivers]:
    # The seed is part of the study's name, so each test has a study of its own.
    seed = sum(request.node.name.encode())
    return lambda seconds: Drivers(server.url, tmp_path, seed, seconds)


def test_several_drivers_share_the_work_and_do_none_of_it_twice(
    drivers: Callable[..., Drivers],
) -> None:
    team = drivers(0.2)
    running = [team.start(workers) for workers in (1, 1, 2)]
    for process in running:
        out, err = process.communicate(timeout=240)
        assert err == ""
        assert json.loads(out) == {"evaluations": 12, "stopped": "all evaluations done"}
    evaluated = team.evaluated()
    assert len(evaluated) == len(set(evaluated)) == 12
    judged = judged_networks(team.study.get_trials(deepcopy=False))
    assert set(judged) == set(evaluated)
    workers = [list(team.folder.glob(f"driver-{n}/workers/*.log")) for n in (1, 2, 3)]
    assert [len(logs) for logs in workers] == [1, 1, 2]


def test_what_a_killed_driver_was_at_is_taken_over(drivers: Callable[..., Drivers]) -> None:
    team = drivers(1.0)
    doomed, *others = [team.start() for _ in range(3)]
    team.wait_for(2)
    time.sleep(0.5)
    claims = {t.number for t in team.study.get_trials() if is_claim(t)}
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate(timeout=240)
    assert claims
    for process in others:
        out, err = process.communicate(timeout=240)
        assert err == ""
        assert json.loads(out)["evaluations"] == 12
    trials = team.study.get_trials(deepcopy=False)
    assert not [t for t in trials if is_claim(t)]
    assert len(judged_networks(trials)) == 12
    retried = {
        t.system_attrs["failed_trial"]: t for t in trials if "failed_trial" in t.system_attrs
    }
    assert len(retried) == 1
    ((number, retry),) = retried.items()
    assert retry.state == optuna.trial.TrialState.COMPLETE
    assert retry.params == trials[number].params
    # The dead driver's worker may live half a second longer and write its line, no more.
    assert len(team.evaluated()) - len(set(team.evaluated())) <= 1


def test_a_short_loss_of_the_server_is_waited_for_and_a_long_one_ends_in_one_line(
    server: DatabaseServer, drivers: Callable[..., Drivers]
) -> None:
    team = drivers(0.3)
    running = [team.start(), team.start()]
    team.wait_for(3)
    server.stop()
    server.start()
    team.wait_for(6)
    assert [process.poll() for process in running] == [None, None]
    server.stop()
    try:
        for process in running:
            out, err = process.communicate(timeout=240)
            assert process.returncode == 1
            assert out == ""
            assert err.startswith("nas: lost the database postgresql://nas:***@127.0.0.1")
            assert len(err.strip().splitlines()) == 1
            assert "the same command goes on" in err
    finally:
        server.start()
    saved = judged_networks(team.study.get_trials(deepcopy=False))
    assert len(saved) >= 4
    again = team.start()
    out, err = again.communicate(timeout=240)
    assert json.loads(out)["evaluations"] == 12, err
    judged = judged_networks(team.study.get_trials(deepcopy=False))
    assert set(saved) <= set(judged)
    assert {t.number for t in saved.values()} <= {t.number for t in judged.values()}


def test_an_interrupted_driver_hands_over_what_it_was_at(drivers: Callable[..., Drivers]) -> None:
    team = drivers(1.0)
    process = team.start()
    team.wait_for(1)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=240)
    trials = team.study.get_trials(deepcopy=False)
    interrupted = [t for t in trials if "interrupted" in t.user_attrs]
    queued = [t for t in trials if t.state == optuna.trial.TrialState.WAITING]
    assert len(interrupted) == 1
    assert [t.params for t in queued] == [t.params for t in interrupted]


def test_going_on_and_another_driver_find_the_whole_search(
    server: DatabaseServer, tmp_path: Path
) -> None:
    first = drive(tmp_path / "a", config_of(server.url, seed=101))
    other = drive(tmp_path / "b", config_of(server.url, seed=101))
    assert [t.number for t in first.trials] == [t.number for t in other.trials]
    more = drive(tmp_path / "a", config_of(server.url, seed=101, trials=15))
    assert more.evaluations == 15
    assert [t.params for t in more.trials][: len(first.trials)] == [t.params for t in first.trials]
    problem = load_problem(config_of(server.url, seed=101))
    assert summarise(problem, more.trials).evaluations == 15


def test_the_rules_of_a_search_hold_on_a_database_too(
    server: DatabaseServer, tmp_path: Path
) -> None:
    bounds = (Bound("flops", 3e8),)
    bounded = drive(tmp_path / "a", config_of(server.url, seed=102, bounds=bounds))
    refused = [t for t in bounded.trials if "refused" in t.user_attrs]
    assert refused
    assert all(t.state == optuna.trial.TrialState.PRUNED for t in refused)
    assert all(max(t.constraints.values()) > 0 for t in refused)
    assert bounded.evaluations == 12
    tiny = config_of(server.url, space="toys:TinySpace", trials=50)
    used_up = drive(tmp_path / "b", SearchConfig(**{**tiny.__dict__, "target_flops": 360_000_000}))
    assert (used_up.evaluations, used_up.stopped) == (12, "nothing new left to evaluate")
    failing = drive(tmp_path / "c", config_of(server.url, evaluator="toys:FailingSometimes"))
    errors = [t.user_attrs["error"] for t in failing.trials if "error" in t.user_attrs]
    assert errors
    assert set(errors) == {"RuntimeError: out of memory"}


def test_a_shared_search_is_seen_from_its_url(server: DatabaseServer, tmp_path: Path) -> None:
    outcome = drive(tmp_path / "a", config_of(server.url, seed=103, trials=5))
    status = read_status(find_source(server.url, study_name(config_of(server.url, seed=103))))
    assert (status.evaluations, status.wanted, status.state) == (5, 5, "finished")
    best = summarise(load_problem(config_of(server.url)), outcome.trials).best
    assert best is not None
    assert status.top[0].number == best.trial
    assert "secret" not in status.source.label
    assert status.source.config is not None
    assert status.source.config.storage is None


def test_a_network_whose_driver_died_three_times_is_set_aside_by_name() -> None:
    def lost(history: list[int]) -> optuna.trial.FrozenTrial:
        trial = optuna.trial.create_trial(
            state=optuna.trial.TrialState.FAIL,
            user_attrs={"digest": "0123456789abcdef", "claim": 7},
            system_attrs={"retry_history": history},
        )
        trial.number = 7
        return trial

    assert settled(lost([])) is None
    assert settled(lost([3])) is None
    last = settled(lost([3, 5]))
    assert last is not None
    assert last.user_attrs["error"] == "network 01234567 lost its driver 3 times, set aside"


def test_the_reader_of_a_url_sees_no_password() -> None:
    url = "postgresql://me:secret@host/db"
    assert shown_url(url) == "postgresql://me:***@host/db"
    assert driver_url(url) == "postgresql+psycopg://me:secret@host/db"
    assert driver_url("postgresql+psycopg2://h/d") == "postgresql+psycopg2://h/d"
    assert [is_shared(u) for u in (None, "sqlite:///a.db", url, "mysql://h/d")] == [
        False,
        False,
        True,
        True,
    ]


def test_patience_and_grace_have_sensible_defaults() -> None:
    settings = SharedSettings()
    assert settings.heartbeat * 3 <= settings.grace <= settings.patience


def test_drivers_see_each_others_epochs_and_stop_the_hopeless(
    server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    config = config_of(
        server.url,
        evaluator="toys:Epochs",
        evaluator_options=(("epochs", 8),),
        pruner="median",
        seed=104,
        trials=14,
    )
    outcome = drive(tmp_path / "a", config)
    stopped = [t for t in outcome.trials if "pruned" in t.user_attrs]
    assert stopped
    assert outcome.evaluations == 14
    assert all(t.state == optuna.trial.TrialState.PRUNED for t in stopped)
    assert all(max(t.intermediate_values) == t.user_attrs["pruned"] < 8 for t in stopped)
    assert not {"accuracy"} & {key for t in stopped for key in t.user_attrs}
    whole = [
        t for t in outcome.trials if "accuracy" in t.user_attrs and "repeat_of" not in t.user_attrs
    ]
    assert all(max(t.intermediate_values) == 8 for t in whole)
    assert drive(tmp_path / "b", config).evaluations == 14
