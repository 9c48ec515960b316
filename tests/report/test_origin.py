"""Where a report's numbers are from: the command, the versions and the machine of each."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from page_text import page_text

from nas.pipeline.plan import parse_plan
from nas.pipeline.record import Record
from nas.report.page import gather
from nas.runs.command_record import command_record
from nas.runs.machine import described, machine

Nas = Callable[..., None]


def typed(nas: Nas, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Run a command as if it had been typed; the line."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["nas", *words])
        nas(*words)
    return " ".join(["nas", *words])


def test_a_family_and_a_trust_report_tell_their_commands(
    run: Path, nas_here: Nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = typed(nas_here, monkeypatch, *f"family --baseline {run} --published".split())
    trust = {"networks": [], "against": {}, "left_out": {}, "toy": False, "data": "mine"}
    trust |= {"verdict": "so", "judged_on": "search-val", "kendall_tau": None, "compared": 0}
    trust |= {"seed_sd": None, "long_epochs": 2, "proxy_epochs": 1}
    (run / "trust").mkdir()
    file = run / "trust" / "trust.json"
    file.write_text(json.dumps(trust | command_record(f"nas trust {run} --seeds 3")))
    page = gather(run)
    lines = {one.made: one.line for one in page.commands}
    assert lines["the trust report"] == f"nas trust {run} --seeds 3"
    assert lines[f"the family in {run / 'family'}"] == family
    assert all(one.when for one in page.commands)
    # What an older version left says nothing, and the report says that.
    file.write_text(json.dumps(trust))
    (run / "family" / "record.json").unlink()
    page = gather(run)
    unknown = [one.made for one in page.commands if not one.line]
    assert len(unknown) == 2
    assert all("its command is not recorded" in made for made in unknown)
    assert all(made in page_text(page) for made in unknown)


def test_the_record_of_a_family_is_no_member_of_it(
    run: Path, nas_here: Nas, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        nas_here("family", "--baseline", run, "--published")
    assert "not of this family" not in capsys.readouterr().err


def test_every_machine_is_told_with_what_was_begun_on_it(
    run: Path, nas_here: Nas, monkeypatch: pytest.MonkeyPatch
) -> None:
    nas_here("family", "--baseline", run, "--published")
    record = json.loads((run / "run.json").read_text())
    assert record["machine"] == machine()
    record["machine"] |= {"processor": "Abacus 3", "gpus": ["Tesla T4", "Tesla T4"]}
    (run / "run.json").write_text(json.dumps(record))
    page = gather(run)
    assert len(page.machines) == 2
    text = page_text(page)
    assert f"Recorded by the search in {run}: Abacus 3, " in text
    assert "2 x Tesla T4" in text
    assert f"Recorded by the family in {run / 'family'}: {described(machine())}" in text
    del record["machine"]
    (run / "run.json").write_text(json.dumps(record))
    assert f"Recorded by the search in {run}: not recorded" in page_text(gather(run))


def test_the_newest_run_is_found_inside_a_nas_run(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nas_here: Nas, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    record = Record(Path("runs/whole"))
    record.begin(parse_plan('network = "efficientnet-b0"\n[report]'), "nas run whole.toml")
    shutil.copytree(small, Path("runs/whole/search"))
    for asked in ((), ("whole",), ("runs/whole",)):
        nas_here("status", *asked, "--json")
        shown = json.loads(capsys.readouterr().out)
        assert shown["run"] == "runs/whole/search"
        assert shown["evaluations"] == 12
    nas_here("report", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["report"] == "runs/whole/report.html"
    text = Path(document["report"]).read_text()
    assert "nas run whole.toml" in text
