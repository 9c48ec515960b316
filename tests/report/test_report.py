"""What a report says: the run's own figures, each with its kind, and what is not there."""

from __future__ import annotations

import csv
import json
import random
import shutil
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from page_text import text_of

from nas.errors import ConfigError, PluginError, RunError
from nas.report import references
from nas.report.choices import common_choices
from nas.report.comparison import compare
from nas.report.html import comparison_html, page_html, write_report
from nas.report.importance import importance
from nas.report.page import Page, gather
from nas.report.searched import best_so_far, read_search
from nas.units import format_count

# As much of what may go wrong as a folder's name can hold.
HOSTILE = "<script>alert('x')<script>&\"$\\frac{1}"


@pytest.fixture(scope="module")
def page(searched: Path) -> Page:
    return gather(searched)


def trials_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def copied(folder: Path, place: Path) -> Path:
    return Path(shutil.copytree(folder, place))


def test_the_headline_is_the_runs_result_with_the_kind_of_each_number(
    searched: Path, page: Page
) -> None:
    text = text_of(page_html(page))
    result = json.loads((searched / "best.json").read_text())
    best, beside = result["best"], result["reference"]
    wanted = f"{100 * best['accuracy']:.2f} % predicted ± {100 * best['accuracy_sd']:.2f}"
    assert f"Top-1 accuracy {wanted}" in text
    assert f"efficientnet-b0 {100 * beside['accuracy']:.2f} %" in text
    for name, key in (("FLOPs", "flops"), ("Parameters", "params"), ("Activations", "activations")):
        assert f"{name} {format_count(best['cost'][key])} counted efficientnet-b0" in text
    assert "385.8M" in text
    assert f"Reward {best['reward']:.4f} of the accuracy" in text
    assert best["source"] in text
    assert json.loads((searched / "run.json").read_text())["command"] in text
    difference = 100 * (best["accuracy"] - beside["accuracy"])
    side = "above" if difference > 0 else "below"
    assert f"{abs(difference):.2f} points {side} efficientnet-b0's" in text


def test_best_so_far_is_what_the_trial_table_says(searched: Path, failing: Path) -> None:
    for folder in (searched, failing):
        paid = [r for r in trials_of(folder) if not r["refused"] and not r["repeat_of"]]
        best, rises = 0.0, []
        for count, row in enumerate(paid, start=1):
            within = row["accuracy"] and float(row["flops"]) <= 400e6
            if within and float(row["accuracy"]) > best:
                best = float(row["accuracy"])
                rises.append((count, best))
        assert best_so_far(read_search(folder)) == rises


def test_what_good_networks_share_is_counted_from_the_trial_table(searched: Path) -> None:
    rows = [r for r in trials_of(searched) if r["accuracy"] and not r["repeat_of"]]
    within = [r for r in rows if float(r["flops"]) <= 400e6]
    common = common_choices(read_search(searched))
    assert common is not None
    assert common.networks == len(rows)
    top = sorted(within, key=lambda r: -float(r["accuracy"]))[: common.best]
    assert 5 <= len(top) < len(within)
    (choice,) = [c for c in common.choices if (c.place, c.kind) == ("stage3", "kernel")]
    assert choice.values == ("3", "5")
    for values, among in ((choice.top, top), (choice.all, rows)):
        threes = sum(r["stage3.kernel"] == "3" for r in among) / len(among)
        assert values == pytest.approx((threes, 1 - threes))


def invented(values: Callable[[dict[str, Any]], float], count: int = 300) -> Any:
    """A search of four choices with these accuracies."""
    source = random.Random(1)
    kernels = CategoricalDistribution((3, 5))
    names = [f"stage{n}.kernel" for n in range(4)]
    trials = []
    for _ in range(count):
        params = {name: source.choice((3, 5)) for name in names}
        trials.append(
            optuna.trial.create_trial(
                params=params,
                distributions=dict.fromkeys(names, kernels),
                value=values(params),
                user_attrs={"accuracy": values(params), "flops": 1, "source": "toy"},
            )
        )
    config = SimpleNamespace(objectives=(), seed=0, target_flops=2)
    return SimpleNamespace(judged=trials, config=config)


def test_the_choice_that_decides_is_called_important_and_chance_is_not() -> None:
    luck = random.Random(2)
    decided = importance(
        invented(lambda p: 0.5 + 0.1 * (p["stage2.kernel"] == 5) + luck.gauss(0, 0.01))
    )
    assert decided is not None
    first, share = next(iter(decided.shares.items()))
    assert first == "stage2.kernel"
    assert share > 0.6
    assert share > 3 * decided.chance
    nothing = importance(invented(lambda p: luck.random()))
    assert nothing is not None
    assert max(nothing.shares.values()) < nothing.chance
    assert importance(invented(lambda p: luck.random(), count=30)) is None
    assert importance(invented(lambda p: 0.5)) is None


def test_failures_refusals_and_unmarked_evaluators_are_told(
    failing: Path, searched: Path, page: Page
) -> None:
    result = json.loads((failing / "best.json").read_text())
    text = text_of(page_html(gather(failing)))
    assert result["failed"] > 0
    assert f"{result['failed']} RuntimeError: out of memory" in text
    # A toy that does not say what its accuracies are: no report calls them measured.
    assert "% evaluator ±" in text
    refused = json.loads((searched / "best.json").read_text())["refused"]
    assert refused > 0
    assert f"{refused} networks were refused" in text_of(page_html(page))


def test_what_is_missing_is_left_out_with_the_command_that_fills_it(
    searched: Path, page: Page
) -> None:
    text = text_of(page_html(page))
    commands = {one.command.split(" --")[0].removesuffix(f" {searched}") for one in page.absent}
    assert {"nas fit-scaling", "nas family", "nas train", "nas latency measure"} <= commands
    for one in page.absent:
        assert one.command in text
    assert "The family" not in text
    assert "Trained weights" not in text


def test_hostile_names_and_messages_stay_text(failing: Path, tmp_path: Path) -> None:
    folder = copied(failing, tmp_path / HOSTILE)
    record = json.loads((folder / "run.json").read_text())
    record["command"] = f"nas search --out {HOSTILE}"
    record["versions"][HOSTILE] = HOSTILE
    (folder / "run.json").write_text(json.dumps(record))
    journal = folder / "study.journal"
    message = json.dumps(HOSTILE)[1:-1]
    journal.write_text(journal.read_text().replace("out of memory", message))
    other = copied(failing, tmp_path / "other")
    page = gather(folder)
    together = compare([folder, other])
    for html in (page_html(page), comparison_html(together)):
        assert "<script" not in html
        assert HOSTILE in unescape(html)
    assert f"RuntimeError: {HOSTILE}" in text_of(page_html(page))
    for plot in (*page.plots.values(), *together.plots.values()):
        ElementTree.fromstring(plot.svg)
        ElementTree.fromstring(plot.inline)
    legend = "".join(ElementTree.fromstring(together.plots["stages-compared"].svg).itertext())
    assert HOSTILE in legend


def test_a_report_reads_a_search_at_work_without_a_trace(
    tmp_path: Path, started: Callable[..., Any]
) -> None:
    folder = tmp_path / "runs" / "live"
    environment = {"TOY_LOG": str(tmp_path / "log"), "TOY_SECONDS": "0.3"}
    process = started(
        *("-m", "nas", "search", "-t", "400M", "--evaluator", "toys:Slow", "--trials", 400),
        *("--sampler", "random", "--out", folder, "--quiet"),
        environment=environment,
    )
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if (folder / "run.json").exists() and read_search(folder).found is not None:
            break
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.2)
    before = {path for path in folder.rglob("*") if path.is_file()}
    report = write_report(folder, tmp_path / "live.html")
    after = {path for path in folder.rglob("*") if path.is_file()}
    assert {path.name for path in after - before} <= {"pending.json", "study.journal.lock"}
    text = text_of(report.read_text())
    assert f"running (process {process.pid})" in text
    assert "This is a snapshot of a search that has no final result yet" in text
    assert "best so far" in text
    assert process.poll() is None


def test_a_finished_run_is_read_only_and_the_same_run_is_drawn_the_same(
    searched: Path, page: Page
) -> None:
    before = contents(searched)
    again = gather(searched)
    assert contents(searched) == before
    assert {n: p.svg for n, p in page.plots.items()} == {n: p.svg for n, p in again.plots.items()}


def test_a_run_whose_plug_in_is_gone_is_still_reported(
    failing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> None:
        raise PluginError(f"no evaluator '{name}' is installed")

    monkeypatch.setattr(references, "load_evaluator", gone)
    text = text_of(page_html(gather(failing)))
    assert "Known networks have no figure here: no evaluator 'toys:FailingSometimes'" in text
    assert "efficientnet-b0 not judged here" in text


def test_an_unfinished_or_empty_search_has_a_report(small: Path, tmp_path: Path) -> None:
    folder = copied(small, tmp_path / "young")
    (folder / "best.json").unlink()
    assert "The best so far has a predicted accuracy" in text_of(page_html(gather(folder)))
    (folder / "study.journal").unlink()
    page = gather(folder)
    assert page.plots == {}
    assert "Nothing at or below the target has been judged" in text_of(page_html(page))
    assert page.absent[0].command == json.loads((folder / "run.json").read_text())["command"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path, searched: Path) -> None:
    with pytest.raises(RunError, match="holds no search, fit, study, family or training"):
        gather(tmp_path)
    with pytest.raises(RunError, match="there is no folder"):
        gather(tmp_path / "absent")
    with pytest.raises(ConfigError, match="takes 2 to"):
        compare([searched])
    with pytest.raises(ConfigError, match="named twice"):
        compare([searched, searched])


def test_a_comparison_names_what_differs_and_warns_of_unlike_figures(
    searched: Path, failing: Path
) -> None:
    text = text_of(comparison_html(compare([searched, failing])))
    assert "trials 60 24" in text
    assert "evaluator imagenet toys:FailingSometimes" in text
    assert "seed 0" not in text
    assert "Their figures are not of one kind" in text
    for folder in (searched, failing):
        best = json.loads((folder / "best.json").read_text())["best"]
        assert f"{100 * best['accuracy']:.2f} %" in text
