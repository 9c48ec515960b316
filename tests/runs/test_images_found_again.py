"""A run that was begun with a relative --data finds its images from any folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from here_workers import HereWorkers

from nas.data.located import located, whole_path
from nas.errors import RunError
from nas.fitting.config import FitConfig
from nas.fitting.folder import FIT
from nas.fitting.settings import data_of_run
from nas.runs.records import open_run, read_run, study_name
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.searching.config import SearchConfig
from nas.searching.problem import load_problem

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a run is begun in, with a folder `images`."""
    from PIL import Image

    monkeypatch.syspath_prepend(str(TESTS))
    for label, shade in (("dark", 40), ("light", 200)):
        folder = tmp_path / "home" / "images" / label
        folder.mkdir(parents=True)
        for number in range(12):
            Image.new("RGB", (16, 16), (shade, 2 * number, shade)).save(folder / f"{number}.png")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def config_of(data: str, **changes: Any) -> SearchConfig:
    return SearchConfig(
        30_000,
        space="toys:SmallSpace",
        evaluator="train",
        resolution=16,
        classes=2,
        data=data,
        data_path=whole_path(data),
        evaluator_options=(("epochs", 1),),
        **changes,
    )


def test_images_are_opened_from_any_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("images")
    open_run(home / "run", config, "nas search")
    there = load_problem(read_run(home / "run").config).data
    assert there is not None
    assert there.name == "images"
    monkeypatch.chdir(home.parent / "elsewhere")
    read = read_run(home / "run").config
    found = load_problem(read).data
    assert found is not None
    assert found.fingerprint == there.fingerprint
    assert data_of_run(home / "run") == str(home / "images")
    # The study is found by what was typed first, and the images by where they are.
    assert study_name(read) == study_name(config)
    again = open_run(home / "run", config_of("../home/images"), "nas search")
    assert study_name(again.config) == study_name(config)
    assert load_problem(again.config).data is not None
    with pytest.raises(RunError, match="data images -> "):
        open_run(home / "run", config_of("../home/images/dark"), "nas search")


def test_images_that_moved_with_their_run_are_found_where_they_were_typed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_run(home / "run", config_of("images"), "nas search")
    moved = home.rename(home.parent / "moved")
    monkeypatch.chdir(moved)
    assert read_run(moved / "run").config.images == "images"
    assert load_problem(read_run(moved / "run").config).data is not None


def test_a_record_of_an_older_version_is_read_as_it_was(home: Path) -> None:
    config = config_of("images")
    open_run(home / "run", config, "nas search")
    record = json.loads((home / "run" / "run.json").read_text())
    del record["config"]["data_path"], record["machine"]
    (home / "run" / "run.json").write_text(json.dumps(record))
    old = read_run(home / "run").config
    assert old.images == "images"
    assert old.difference(config) is None
    assert old.digest() == config.digest()


def test_a_fit_goes_on_however_its_images_are_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = FitConfig(efficientnet_b0(), "images", data_path=whole_path("images"))
    FIT.write(home / "fit", fit, "nas fit-scaling")
    monkeypatch.chdir(home.parent / "elsewhere")
    same = dataclasses.replace(fit, data="../home/images")
    assert FIT.check(home / "fit", same)
    assert same.options(1)["data"] == "../home/images"
    assert FIT.read(home / "fit").options(1)["data"] == str(home / "images")
    other = dataclasses.replace(fit, data="images", data_path=whole_path("images"))
    assert FIT.check(home / "fit", other), "typed alike: told apart by their fingerprints"
    with pytest.raises(RunError, match="data images -> x"):
        FIT.check(home / "fit", dataclasses.replace(fit, data="x", data_path=whole_path("x")))


def test_what_is_no_path_stays_as_it_is() -> None:
    for name in ("sample", "sample:px=16,classes=4"):
        assert whole_path(name) is None
        assert located(name, None) == name
    assert whole_path(None) is None


@pytest.mark.slow
def test_a_search_goes_on_and_is_retrained_from_another_folder(
    nas: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr("nas.searching.loop.ProcessWorkers", HereWorkers)
    monkeypatch.setattr("nas.trainings.ProcessWorkers", HereWorkers)
    fixed = "search -t 30k --space toys:SmallSpace --sampler random --epochs 1 --trials 1 --quiet"
    begun = nas(*fixed.split(), "--data", "images", "--out", "run")
    assert begun.code == 0, begun.err
    monkeypatch.chdir(home.parent / "elsewhere")
    again = nas(*fixed.split(), "--data", "../home/images", "--out", home / "run", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["evaluations"] == 1
    planned = nas("fit-scaling", "--baseline", home / "run", "--dry-run", "--json", "--quiet")
    assert "no file or folder" not in planned.err
    fixed = "trust --networks 1 --seeds 1 --random 0 --epochs 1 --quiet --json"
    report = nas(*fixed.split(), home / "run")
    assert report.code == 0, report.err
    assert json.loads(report.out)["networks"][0]["name"] == "found"
    recorded = json.loads((home / "run" / "trust" / "trust.json").read_text())
    assert recorded["command"].startswith("nas ")
