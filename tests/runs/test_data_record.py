"""A run never goes on with other images than it began with; the ones that changed are named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from nas.data.opening import open_data
from nas.errors import RunError
from nas.runs.data_record import keep_data, read_data_record


def images(folder: Path, count: int = 6) -> Path:
    from PIL import Image

    source = np.random.default_rng(0)
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            place = folder / part / label
            place.mkdir(parents=True)
            for number in range(count):
                pixels = source.integers(0, 255, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def test_the_same_images_are_accepted_and_the_record_says_what_they_are(tmp_path: Path) -> None:
    folder = images(tmp_path / "data")
    run = tmp_path / "run"
    run.mkdir()
    keep_data(run, open_data(folder))
    record = read_data_record(run)
    assert record is not None
    assert record["classes"] == ["cat", "dog"]
    assert record["fingerprint"] == open_data(folder).fingerprint
    assert record["split"]["search_train"] + record["split"]["search_val"] == 12
    assert len(record["split"]["digest"]) == 32
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    keep_data(run, open_data(folder))
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_changed_added_and_removed_images_are_named(tmp_path: Path) -> None:
    folder = images(tmp_path / "data")
    run = tmp_path / "run"
    run.mkdir()
    keep_data(run, open_data(folder))
    cats = folder / "train" / "cat"
    (cats / "0.png").write_bytes((cats / "1.png").read_bytes())
    (cats / "2.png").rename(cats / "new.png")
    with pytest.raises(RunError) as refused:
        keep_data(run, open_data(folder))
    said = str(refused.value)
    assert "1 changed (train/cat/0.png)" in said
    assert "1 removed (train/cat/2.png)" in said
    assert "1 added (train/cat/new.png)" in said
    assert "\n" not in said


def test_of_many_changes_the_first_are_named(tmp_path: Path) -> None:
    folder = images(tmp_path / "data")
    run = tmp_path / "run"
    run.mkdir()
    keep_data(run, open_data(folder))
    for part in ("train", "test"):
        (folder / part / "dog").rename(folder / part / "wolf")
    with pytest.raises(RunError) as refused:
        keep_data(run, open_data(folder))
    said = str(refused.value)
    assert "12 removed (train/dog/0.png, train/dog/1.png, train/dog/2.png and 9 more)" in said
    assert "12 added (train/wolf/0.png, " in said


@pytest.mark.parametrize("damage", ["zlib", "csv"])
def test_a_damaged_manifest_is_said_to_be_one(tmp_path: Path, damage: str) -> None:
    folder = images(tmp_path / "data")
    run = tmp_path / "run"
    run.mkdir()
    keep_data(run, open_data(folder))
    manifest = run / "data-manifest.csv.gz"
    if damage == "zlib":
        # The header of gzip is whole; what follows is no compressed data.
        manifest.write_bytes(manifest.read_bytes()[:10] + b"\xff" * 40)
    else:
        # A field over csv's limit.
        manifest.write_bytes(gzip.compress(b"x" * 200_000))
    (folder / "train" / "cat" / "0.png").unlink()
    with pytest.raises(RunError, match="cannot be told, because data-manifest"):
        keep_data(run, open_data(folder))


def test_another_split_is_refused(tmp_path: Path) -> None:
    data = open_data(images(tmp_path / "data"))
    run = tmp_path / "run"
    run.mkdir()
    keep_data(run, data)
    record = json.loads((run / "data.json").read_text())
    record["split"]["digest"] = "0" * 32
    (run / "data.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="divides the images"):
        keep_data(run, data)
