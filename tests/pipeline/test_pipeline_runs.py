"""Stages in processes of their own: done once, killed anywhere, gone on with, refused, redone."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from toy_runs import PLAN, epochs, finish, results, start, state, until

from nas.archs import find_network
from nas.errors import RunError
from nas.pipeline.folder import stage_folders
from nas.runs.state import working_process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "toy.toml").write_text(PLAN)
    code, out, err = finish(folder, "toy.toml")
    assert code == 0, err
    assert "done" in out
    return folder / "runs" / "toy"


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """The same run, to change."""
    shutil.copytree(whole, tmp_path / "runs" / "toy")
    # Where the copied run began: what relative paths are relative to.
    record = tmp_path / "runs" / "toy" / "state.json"
    record.write_text(record.read_text().replace(str(whole.parents[1]), str(tmp_path)))
    return tmp_path / "runs" / "toy"


def test_a_run_leaves_results_logs_and_a_record(whole: Path) -> None:
    assert list(stage_folders(whole)) == ["search", "family"]
    assert (whole / "plan.toml").read_text() == PLAN
    for stage, record in state(whole).items():
        assert record["exit_code"] == 0
        assert record["attempts"] == 1
        assert record["seconds"] > 0
        log = (whole / "logs" / f"{stage}.log").read_text()
        assert log.startswith(f"$ nas {stage} ")
    assert state(whole)["family"]["inputs"] == {
        "search/best.json": json.loads((whole / "search/best.json").read_text())["best"]["digest"]
    }


def test_the_folder_names_its_networks_to_every_command(whole: Path) -> None:
    assert find_network(str(whole)) == find_network(str(whole / "search"))
    assert find_network(f"{whole}:b1") == find_network(str(whole / "family" / "b1.json"))


def test_killed_anywhere_it_ends_as_the_undisturbed_one(whole: Path, tmp_path: Path) -> None:
    """SIGKILL of the run, SIGKILL of the stage, SIGTERM and Ctrl-C of the run."""
    (tmp_path / "toy.toml").write_text(PLAN)
    run = tmp_path / "runs" / "toy"
    kills = (
        ("run", signal.SIGKILL, -signal.SIGKILL),
        ("stage", signal.SIGKILL, 2),
        ("run", signal.SIGTERM, 130),
        ("run", signal.SIGINT, 130),
    )
    earlier: set[int | None] = {None}
    for whom, number, expected in kills:
        process = start(tmp_path, "toy.toml", seconds=0.1)
        # What was killed may hold the search, and write an epoch, a moment longer.
        until(lambda: working_process(run / "search") not in earlier, process)
        stage = working_process(run / "search")
        assert stage is not None
        earlier.add(stage)
        before = epochs(tmp_path)
        until(lambda before=before: epochs(tmp_path) > before, process)
        os.kill(process.pid if whom == "run" else stage, number)
        _, err = process.communicate()
        assert process.returncode == expected, err
        if whom == "stage":
            assert "was killed by SIGKILL" in err
        if expected == 130:
            assert "interrupted in stage search" in err
    code, _, err = finish(tmp_path, run)
    assert code == 0, err
    assert results(run) == results(whole)
    assert state(run)["search"]["attempts"] == 5
    assert epochs(tmp_path) <= 6 * 5 + 2 * len(kills)


def test_no_stage_goes_on_behind_a_killed_run(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(PLAN)
    process = start(tmp_path, "toy.toml", seconds=0.2)
    until(lambda: epochs(tmp_path), process)
    process.kill()
    process.communicate()
    until(lambda: working_process(tmp_path / "runs" / "toy") is None)
    assert not (tmp_path / "runs/toy/search/best.json").exists()


def test_a_second_run_is_turned_away(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(PLAN)
    process = start(tmp_path, "toy.toml", seconds=0.5)
    until(lambda: epochs(tmp_path), process)
    code, _, err = finish(tmp_path, "toy.toml")
    assert code == 2
    assert f"runs/toy is in use by process {process.pid}" in err
    code, out, _ = finish(tmp_path, "runs/toy", "--status")
    assert code == 0
    assert f"at work, process {process.pid}" in out
    process.terminate()
    process.communicate()


def test_killed_between_stages_only_the_rest_is_done(copy: Path) -> None:
    record = json.loads((copy / "state.json").read_text())
    del record["stages"]["family"]
    (copy / "state.json").write_text(json.dumps(record))
    shutil.rmtree(copy / "family")
    code, _, err = finish(copy.parents[1], "runs/toy")
    assert code == 0
    assert "family (stage 2 of 2)" in err
    assert "search (stage" not in err
    # A kill after a stage's last file, and before the record of its end, costs nothing either.
    record["stages"]["search"] |= {"exit_code": None, "finished": None}
    (copy / "state.json").write_text(json.dumps(record))
    before = results(copy)
    code, _, err = finish(copy.parents[1], "runs/toy")
    assert code == 0, err
    assert results(copy) == before


def test_a_result_that_was_removed_is_made_again(copy: Path) -> None:
    before = results(copy)
    shutil.rmtree(copy / "family")
    assert "left: family" in finish(copy.parents[1], "runs/toy", "--status")[1]
    assert finish(copy.parents[1], "runs/toy")[0] == 0
    assert results(copy) == before


def test_it_goes_on_from_any_folder(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "family")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code, _, err = finish(elsewhere, copy)
    assert code == 0, err
    assert (copy / "family" / "b1.json").is_file()
    assert not (elsewhere / "runs").exists()


def test_a_changed_plan_is_refused_with_the_difference_and_the_way_on(copy: Path) -> None:
    plan = copy.parents[1] / "toy.toml"
    plan.write_text(PLAN.replace("phi = [0, 1]", "phi = [0, 2]"))
    kept = results(copy)
    code, _, err = finish(copy.parents[1], "toy.toml")
    assert code == 2
    assert "family was made with other settings (phi 0,1 -> 0,2); --redo family" in err
    assert err.count("\n") == 1
    assert results(copy) == kept
    assert (copy / "plan.toml").read_text() == PLAN
    code, _, err = finish(copy.parents[1], "toy.toml", "--redo", "family")
    assert code == 0, err
    assert sorted(p.name for p in (copy / "earlier" / "1" / "family").iterdir()) == sorted(
        [*kept["family"], "record.json"]
    )
    assert (copy / "earlier/1/logs/family.log").is_file()
    assert (copy / "family" / "b2.json").is_file()
    assert state(copy)["search"]["attempts"] == 1


def test_what_does_not_change_the_result_may_change(copy: Path) -> None:
    plan = copy.parents[1] / "toy.toml"
    plan.write_text(PLAN.replace("trials = 6", "workers = 2\ntrials = 6"))
    assert finish(copy.parents[1], "toy.toml")[0] == 0
    assert state(copy)["search"]["attempts"] == 1


def test_another_input_is_refused(copy: Path) -> None:
    """A search that was done again by hand, with another winner."""
    best = json.loads((copy / "search" / "best.json").read_text())
    best["best"]["spec"]["classes"] = 7
    (copy / "search" / "best.json").write_text(json.dumps(best))
    code, _, err = finish(copy.parents[1], "runs/toy")
    assert code == 2
    assert "family was made from another search/best.json; --redo family" in err
    assert finish(copy.parents[1], "runs/toy", "--redo", "family")[0] == 0


def test_redoing_the_search_redoes_what_builds_on_it(copy: Path) -> None:
    before = results(copy)
    code, _, err = finish(copy.parents[1], "runs/toy", "--redo", "search")
    assert code == 0, err
    assert results(copy) == before
    assert results(copy / "earlier" / "1") == before


def test_an_interrupted_redo_is_finished_by_the_next_command(copy: Path) -> None:
    before = results(copy)
    record = json.loads((copy / "state.json").read_text())
    record["retiring"] = {"stages": ["search", "family"], "to": "earlier/1"}
    (copy / "state.json").write_text(json.dumps(record))
    (copy / "earlier" / "1").mkdir(parents=True)
    (copy / "search").rename(copy / "earlier" / "1" / "search")
    assert finish(copy.parents[1], "runs/toy")[0] == 0
    assert results(copy / "earlier" / "1") == before
    assert results(copy) == before


def test_a_failed_stage_says_why_and_may_be_mended(copy: Path) -> None:
    plan = copy.parents[1] / "toy.toml"
    smaller = PLAN.replace('rule = "formula"\nphi = [0, 1]', 'rule = "depth"\nflops = "1k"')
    plan.write_text(smaller)
    code, _, err = finish(copy.parents[1], "toy.toml", "--redo", "family")
    assert code == 2
    last = err.splitlines()[-1]
    assert "stage family ended with exit code 2: " in last
    assert "logs/family.log" in last
    assert "family  failed" in finish(copy.parents[1], "runs/toy", "--status")[1]
    plan.write_text(PLAN)
    assert finish(copy.parents[1], "toy.toml")[0] == 0


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(PLAN)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    code, _, err = finish(tmp_path, "toy.toml", "--out", "mine")
    assert code == 2
    assert "mine holds 'thesis.txt'" in err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(RunError, match="is no folder of `nas run`"):
        stage_folders(tmp_path / "mine")
