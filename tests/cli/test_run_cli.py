"""`nas run` as a person types it; the stages themselves are in tests/pipeline."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.cli.run import _folder
from nas.cli.run_commands import parsed_stages
from nas.cli.run_start import starts
from nas.pipeline.plan import parse_plan
from nas.pipeline.written_plan import written_plan


def test_a_plan_is_written_to_be_read_and_changed(nas: Callable) -> None:
    done = nas("run", "--data", "sample", "--target-flops", "50M", "--write-plan", "my.toml")
    assert done.code == 0
    assert done.out == "wrote my.toml; run it with `nas run my.toml`\n"
    text = Path("my.toml").read_text()
    assert 'target-flops = "50M"' in text
    assert list(Path().iterdir()) == [Path("my.toml")]
    again = nas("run", "--quick", "--write-plan", "my.toml")
    assert again.code == 2
    assert "my.toml is there already" in again.err
    assert Path("my.toml").read_text() == text


def test_a_dry_run_says_what_it_takes_and_writes_nothing(nas: Callable) -> None:
    Path("my.toml").write_text('[search]\ntarget-flops = "400M"\ntrials = 20\n[family]\n[report]\n')
    done = nas("run", "my.toml", "--dry-run")
    assert done.code == 0, done.err
    assert "nas search --target-flops 400M --trials 20 --out runs/my/search\n" in done.out
    assert "nas family --baseline runs/my/search --out runs/my/family\n" in done.out
    assert "all together: about " in done.out
    document = json.loads(nas("run", "my.toml", "--dry-run", "--json").out)
    assert document["folder"] == "runs/my"
    assert [row["stage"] for row in document["stages"]] == ["search", "family", "report"]
    assert document["stages"][0]["seconds"] > 0
    assert not Path("runs").exists()


def test_a_dry_run_of_trainings_is_by_a_part_of_one(nas: Callable) -> None:
    """Times follow from epochs, images and FLOPs."""
    Path("my.toml").write_text(
        """
        data = "sample:px=16,classes=2,images=40,test=8"
        network = "mobilenet-v2"
        device = "cpu"
        [retrain]
        epochs = 10
        [family]
        rule = "width"
        ratios = 3
        [train]
        epochs = 10
        """
    )
    done = nas("run", "my.toml", "--dry-run", "--json")
    assert done.code == 0, done.err
    rows = {row["stage"]: row for row in json.loads(done.out)["stages"]}
    started = {stage: row["start_seconds"] for stage, row in rows.items()}
    worked = {stage: row["seconds"] - started[stage] for stage, row in rows.items()}
    assert worked["train"] / worked["retrain"] == pytest.approx(3, rel=0.15)
    # Each is one process that loads torch; a family loads none.
    assert started["train"] == started["retrain"] > started["family"] > 0
    assert worked["family"] == pytest.approx(0)


def test_starts_are_counted_by_the_processes_of_a_stage() -> None:
    plan = parse_plan(written_plan("sample", "50M"))
    parsed = parsed_stages(plan)
    counted = {stage: starts(plan, parsed, stage) for stage in plan.stages}
    more = parse_plan(
        written_plan("sample", "50M")
        .replace("seeds = 4", "seeds = 8\nepochs = [5, 10]")
        .replace('to = ["pytorch", "onnx"]', 'to = ["pytorch"]')
        .replace("networks = 3", "networks = 3\nrandom = 0")
    )
    again = {stage: starts(more, parsed_stages(more), stage) for stage in more.stages}
    # Rounds of halving: 1, 2, 4 seeds; then 1, 2, 4, 8 at each of two lengths.
    workers = (again["fit-scaling"] - counted["fit-scaling"]) / (8 - 3)
    assert workers > 0
    assert counted["trust"] - again["trust"] == pytest.approx(workers)
    assert again["export"] < counted["export"]
    assert {s: n for s, n in again.items() if s in ("search", "retrain", "train")} == {
        s: n for s, n in counted.items() if s in ("search", "retrain", "train")
    }


def test_a_forecast_says_how_far_off_it_may_be(nas: Callable) -> None:
    Path("my.toml").write_text('network = "mobilenet-v2"\n[family]\n[report]\n')
    done = nas("run", "my.toml", "--dry-run")
    assert re.search(r"all together: about \S+ \w+ \(from \S+ \w+ to \S+ \w+: ", done.out)
    document = json.loads(nas("run", "my.toml", "--dry-run", "--json").out)
    assert document["spread"] == 2
    assert all(row["start_seconds"] > 0 for row in document["stages"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("run", "a run needs a plan (`nas run PLAN.toml`), or a target"),
        ("run --data sample", "a run needs a plan"),
        ("run nowhere.toml", "cannot read the plan nowhere.toml: No such file"),
        ("run empty", "empty is no folder of `nas run`"),
        ("run --status -t 400M", "runs/imagenet-400M is no folder of `nas run`"),
        ("run my.toml --data sample", "--data is for a plan written for you"),
        ("run my.toml --quick", "--quick is for a plan written for you"),
        ("run my.toml --redo train", "--redo train: my.toml has no such stage"),
        ("run my.toml --redo trian", "Invalid value for '--redo'"),
        ("run -t 400 --data sample", "did you mean 400M?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(nas: Callable, arguments: str, said: str) -> None:
    Path("my.toml").write_text('[search]\ntarget-flops = "400M"\n')
    Path("empty").mkdir()
    done = nas(*shlex.split(arguments))
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not Path("runs").exists()


def test_the_same_command_finds_the_same_folder(tmp_path: Path) -> None:
    def place(given: str | None, data: str | None, target: str | None, *, quick: bool) -> str:
        plan = parse_plan(written_plan(data, target or "2M", quick=quick))
        return str(_folder(None if given is None else Path(given), plan, data, target, quick))

    assert place("plans/mine.toml", None, None, quick=False) == "runs/mine"
    assert place(None, "sample", "50M", quick=False) == "runs/sample-50M"
    assert place(None, "sample:px=16", "50M", quick=True) == "runs/sample-50M-quick"
    assert place(None, None, None, quick=True) == "runs/sample-2M-quick"
    assert place(None, "/data/My photos/", "0.4G", quick=False) == "runs/My-photos-0.4G"
    assert place(None, None, "400M", quick=False) == "runs/imagenet-400M"


def test_a_plan_that_was_changed_is_not_written_over(nas: Callable) -> None:
    run = Path("runs/imagenet-400M")
    run.mkdir(parents=True)
    state = {"schema": 1, "kind": "pipeline", "working_folder": str(Path.cwd()), "stages": {}}
    (run / "state.json").write_text(json.dumps(state))
    plan = written_plan(None, "400M")
    (run / "plan.toml").write_text(plan + "# my own words\n")
    assert nas("run", "-t", "400M", "--status").code == 0
    changed = plan.replace("# trials = 300", "trials = 20")
    (run / "plan.toml").write_text(changed)
    done = nas("run", "-t", "400M", "--dry-run")
    assert done.code == 2
    assert "runs/imagenet-400M has a plan of its own" in done.err
    assert "--trials 20" in nas("run", run, "--dry-run").out
    assert (run / "plan.toml").read_text() == changed
