"""What lies about a search: fits, families, trainings, trust reports, latencies, each told."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from page_text import page_text

from nas.archs import read_network
from nas.cost import network_cost
from nas.pipeline.plan import parse_plan
from nas.pipeline.record import Record
from nas.report.page import gather
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.mobilenet_v2 import mobilenet_v2
from nas.searching.finalists import Finalist, LatencyReport
from nas.spec import ArchSpec
from nas.training.job import Job, write_job
from nas.training.recipe import load_recipe
from nas.trust.report import Budget, Retrained, make_report
from nas.units import format_count


@pytest.fixture
def fitted(run: Path, nas_here: Callable[..., None]) -> Path:
    nas_here(
        *("fit-scaling", "--baseline", "efficientnet-b0", "--resolution", 64, "--seeds", 2),
        *("--evaluator", "fit_toys:Wide", "--out", run / "fit", "--quiet"),
    )
    return run / "fit"


def finished_training(folder: Path, arch: ArchSpec, top1: float) -> None:
    """The files of a training, as `nas train` leaves them, but for weights."""
    recipe = load_recipe("short")
    job = Job(arch.digest(), arch.name or "mine", arch.resolution, recipe, "sample", "f" * 64)
    write_job(folder, job, f"nas train {arch.name} --data sample")
    accuracy = {
        "top1": top1,
        "top1_standard_error": 0.021,
        "top5": 0.9,
        "loss": 1.0,
        "images": 256,
        "measured_on": "256 test images of sample, a toy",
    }
    document = {
        "name": job.name,
        "digest": arch.digest(),
        "spec": arch.to_dict(),
        "cost": {"flops": 10**8, "params": 10**6, "activations": 10**6},
        "resolution": arch.resolution,
        "accuracy": accuracy,
        "epochs": 3,
        "weights": "weights.safetensors",
    }
    (folder / "result.json").write_text(json.dumps(document))
    (folder / "log.csv").write_text("epoch,train_loss,top1\n1,2.5,\n2,2.0,0.1\n3,1.5,0.2\n")


def test_a_fit_is_told_with_its_intervals_and_its_triangle(run: Path, fitted: Path) -> None:
    coefficients = json.loads((fitted / "coefficients.json").read_text())
    for folder in (run, fitted):
        page = gather(folder)
        text = page_text(page)
        low, high = coefficients["intervals"]["beta"]
        assert f"beta width {coefficients['beta']:.3f} fitted {low:.3f} to {high:.3f} 1.1" in text
        assert "evaluator fit_toys:Wide" in text
        with (fitted / "grid.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert f"All {len(rows)} rows of the grid" in text
        assert page.plots["grid-0"].description.startswith(f"{len(rows)} networks in the triangle")
    assert "nas search --target-flops 400M" in [one.command for one in gather(fitted).absent]


def test_a_family_and_its_trained_members_are_told(
    run: Path, nas_here: Callable[..., None]
) -> None:
    nas_here("family", "--baseline", run, "--phi", "0,1", *("--alpha", 1.2, "--beta", 1.1),
             "--gamma", 1.15)  # fmt: skip
    page = gather(run)
    with (run / "family" / "family.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    text = page_text(page)
    for row in rows:
        assert f"{float(row['nominal_ratio']):.2f}x {float(row['realised_ratio']):.2f}x" in text
    assert "realised" in page.plots["family-0"].description
    # Beside the run, where `nas train` puts it; on images of fewer classes.
    member = read_network(run / "family" / "b1.json")
    small = dataclasses.replace(member, classes=8, resolution=32)
    finished_training(Path("trained/b1-sample"), small, 0.4242)
    finished_training(Path("trained/other-sample"), mobilenet_v2(), 0.7777)
    page = gather(run)
    text = page_text(page)
    assert "42.42 % ± 2.10" in text
    assert "256 test images of sample, a toy" in text
    assert "77.77" not in text
    assert "nas train" in [c.line[:9] for c in page.commands]
    assert "training-0" in page.plots


def test_measured_accuracies_of_two_members_are_drawn(
    run: Path, nas_here: Callable[..., None]
) -> None:
    nas_here("family", "--baseline", run, "--published")
    for name, top1 in (("b0", 0.5), ("b1", 0.6)):
        finished_training(run / f"trained-{name}", read_network(run / f"family/{name}.json"), top1)
    plot = gather(run).plots["family-0"]
    assert "b0 50.00 %; b1 60.00 %" in plot.description
    # The axis has the members' own FLOPs, and no formula that this style leaves unset.
    drawn = "".join(ElementTree.fromstring(plot.svg).itertext())
    flops = network_cost(read_network(run / "family/b1.json")).flops
    assert format_count(flops) in drawn
    assert "mathdefault" not in drawn


def test_a_training_alone_has_a_report(tmp_path: Path) -> None:
    finished_training(tmp_path / "one", mobilenet_v2(), 0.25)
    page = gather(tmp_path / "one")
    text = page_text(page)
    assert "25.00 % ± 2.10" in text
    assert set(page.plots) == {"training-0", "stages"}
    commands = [one.command for one in page.absent]
    assert f"nas family --baseline {tmp_path}/one/weights.safetensors" in commands
    (tmp_path / "one" / "result.json").unlink()
    assert "not finished; its command goes on" in page_text(gather(tmp_path / "one"))


def test_a_trust_report_is_told_in_its_own_words(run: Path) -> None:
    found = Retrained("found", "top", efficientnet_b0(), 0.5, (0.6, 0.62))
    rival = Retrained("mobilenet-v2 by width", "alternative", mobilenet_v2(), None, (0.7, 0.71))
    report = make_report(
        [found, rival],
        Budget(10, 10, 0.5, 0.48),
        [],
        data="mine",
        toy=False,
        proxy_epochs=5,
        long_epochs=15,
    )
    (run / "trust").mkdir()
    (run / "trust" / "trust.json").write_text(json.dumps(report.to_dict()))
    page = gather(run)
    text = page_text(page)
    assert report.verdict in text
    assert "61.00 %" in text
    assert "70.50 %" in page.plots["trust"].description
    assert not any("trust" in one.what for one in page.absent)


def test_measured_latencies_of_the_folder_are_told(run: Path) -> None:
    measured: dict[str, Any] = {
        "name": "mine",
        "minimum_ms": 12.34,
        "median_ms": 13.0,
        "noise": "it jumped",
        "batch": 4,
        "device": {"kind": "cpu", "processor": "Abacus 3", "threads": 2},
    }
    (run / "latency.json").write_text(json.dumps({"latencies": [measured]}))
    text = page_text(gather(run))
    assert "mine cpu on Abacus 3, threads 2, batch 4 12.3 ms (median 13) measured" in text
    assert "noisy: it jumped" in text


def test_the_finalists_that_a_search_measured_are_told(run: Path) -> None:
    finalist = Finalist(7, 0.66, {"latency:here": 10.0}, {"latency:here": 10.5}, "", True, "bound")
    result = json.loads((run / "best.json").read_text())
    slow = Finalist(8, 0.67, {"latency:here": 9.0}, {"latency:here": 14.0}, "", False, "bound")
    result["latency"] = LatencyReport(("here.json",), (finalist, slow), True).to_dict()
    (run / "best.json").write_text(json.dumps(result))
    text = page_text(gather(run))
    assert "trial 7 (bound) latency:here 10 ms predicted" in text
    assert "trial 7 (bound) latency:here 10.5 ms measured trial 8" in text
    assert "trial 8 (bound) latency:here 14 ms measured beyond the search's bound" in text


def test_what_cannot_be_read_is_named_and_stops_nothing(run: Path) -> None:
    (run / "fit").mkdir()
    (run / "fit" / "fit.json").write_text("{")
    page = gather(run)
    assert page.nearby.fits == ()
    assert "runs/mine/fit cannot be read" in page_text(page)


def test_a_folder_of_nas_run_is_told_with_the_commands_of_its_stages(run: Path) -> None:
    whole = Path("whole")
    record = Record(whole)
    record.begin(parse_plan('[search]\ntarget-flops = "400M"\n'), "nas run whole")
    command = ["search", "-t", "400M", "--out", "whole/search"]
    record.start("search", place="search", options={}, commands=[command], inputs={})
    run.rename(whole / "search")
    marker = whole / "search" / "run.json"
    made = json.loads(marker.read_text())
    marker.write_text(json.dumps(made | {"command": "nas search -t 400M --out whole/search"}))
    # What a later stage replaced is no second search.
    shutil.copytree(whole / "search", whole / "earlier" / "1" / "search")
    finished_training(whole / "trained-b1", mobilenet_v2(), 0.25)
    page = gather(whole)
    assert page.search is not None
    assert page.search.folder == whole / "search"
    text = page_text(page)
    assert "25.00 %" in text
    assert "stage search, in search" in text
    # Each once, and what was made there without the plan too.
    assert [one.line for one in page.commands] == [
        "nas run whole",
        "nas search -t 400M --out whole/search",
        "nas train mobilenet-v2 --data sample",
    ]
