"""`nas data info` and `nas data pack`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

Run = Callable[..., Any]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of 5 and 4 images to train and 2 to test, one of which is a training image."""
    random = np.random.default_rng(0)
    for part, counts in (("train", (5, 4)), ("test", (2, 2))):
        for name, count in zip(("cat", "dog"), counts, strict=True):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
                PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    train, test = tmp_path / "pets/train", tmp_path / "pets/test"
    (test / "dog/1.png").write_bytes((train / "dog/2.png").read_bytes())
    (train / "cat/broken.jpg").write_bytes(b"")
    return tmp_path / "pets"


def test_info_tells_what_is_there_and_what_is_odd(nas: Run, pets: Path) -> None:
    finished = nas("data", "info", "pets")
    assert finished.code == 0
    lines = finished.out.splitlines()
    assert lines[:5] == [
        "pets: 2 classes, 10 images to train, 4 to test",
        "",
        "class  train  test",
        "cat        6     2",
        "dog        4     2",
    ]
    assert "width 40 to 40 px (median 40), height 30 to 30 px (median 30)" in lines
    assert "suggested resolution: 32 px" in lines
    assert "1 image left out, empty: train/cat/broken.jpg (the file is empty)" in lines
    assert (
        "1 image to test with, equal to one to train with: test/dog/1.png (equals train/dog/2.png)"
        in lines
    )
    assert any(line.startswith("a search trains on 8 of the training images") for line in lines)
    assert lines[-1].startswith("fingerprint: ")


def test_info_as_json_has_the_keys_of_its_help(nas: Run, pets: Path) -> None:
    found = json.loads(nas("data", "info", pets, "--json").out)
    help_text = nas("data", "info", "--help").out
    assert all(key in help_text for key in found)
    assert found["train"] == {"images": 10, "per_class": [6, 4]}
    assert found["test"] == {"images": 4, "per_class": [2, 2]}
    assert found["width"] == {"smallest": 40, "median": 40, "largest": 40}
    assert found["problems"]["empty"] == {
        "count": 1, "left_out": True, "names": {"train/cat/broken.jpg": "the file is empty"},
    }  # fmt: skip
    assert found["search_split"]["train"] + found["search_split"]["val"] == 10
    assert found["toy"] is False


def test_a_class_too_small_to_split_is_said_and_the_rest_shown(nas: Run, pets: Path) -> None:
    for number in range(1, 4):
        (pets / f"train/dog/{number}.png").unlink()
    finished = nas("data", "info", "pets")
    assert finished.code == 0
    assert "a search cannot divide the training images: class 'dog' has too few" in finished.out
    found = json.loads(nas("data", "info", "pets", "--json").out)["search_split"]
    assert list(found) == ["error"]


def test_pack_writes_one_file_that_every_command_reads(nas: Run, pets: Path) -> None:
    (pets / "train/cat/broken.jpg").unlink()
    finished = nas("data", "pack", "pets")
    assert finished.code == 0
    assert "written: pets.safetensors (9 training and 4 test images, " in finished.out
    assert "1 image to test with, equal to one to train with" in finished.out
    before = json.loads(nas("data", "info", "pets", "--json").out)
    after = json.loads(nas("data", "info", "pets.safetensors", "--json").out)
    assert after | {"name": "pets"} == before


def test_pack_with_px_and_json(nas: Run, pets: Path) -> None:
    finished = nas("data", "pack", "pets", "--px", 16, "--json")
    document = json.loads(finished.out)
    assert all(key in nas("data", "pack", "--help").out for key in document)
    assert (document["file"], document["train"], document["px"]) == ("pets-16px.safetensors", 9, 16)
    found = json.loads(nas("data", "info", document["file"], "--json").out)
    assert found["height"]["largest"] == 16
    assert found["fingerprint"] == document["fingerprint"]
    assert nas("data", "pack", "pets", "--px", 16, "-o", document["file"]).code == 0


def test_the_sample_can_be_looked_at_and_packed(nas: Run) -> None:
    options = "sample:classes=2,images=8,test=4,px=16"
    assert "a toy: its results say nothing" in nas("data", "info", options).out
    assert "written: sample.safetensors" in nas("data", "pack", options).out


def test_many_classes_are_shown_by_their_extremes(nas: Run, tmp_path: Path) -> None:
    for number in range(41):
        folder = tmp_path / f"many/train/class{number:02d}"
        folder.mkdir(parents=True)
        for image in range(1 + number):
            colour = (number, image, 0)
            PIL.Image.new("RGB", (8, 8), colour).save(folder / f"{image}.png")
    lines = nas("data", "info", "many").out.splitlines()
    assert lines[0] == "many: 41 classes, 861 images to train, none to test"
    assert lines[2] == "the three smallest and the three largest of 41 classes:"
    assert [line.split()[0] for line in lines[4:10]] == [
        "class00", "class01", "class02", "class38", "class39", "class40",
    ]  # fmt: skip
    assert lines[4].split() == ["class00", "1", "-"]


def test_looking_at_images_needs_no_torch(pets: Path) -> None:
    script = (
        "import sys; from nas.cli.main import cli; "
        f"cli(['data', 'info', {str(pets)!r}], standalone_mode=False); "
        "print({'torch', 'torchvision', 'timm', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("info", "pets", "--strict"), "test/dog/1.png: equals train/dog/2.png; mend or remove it"),
        (("pack", "pets", "--strict"), "test/dog/1.png: equals train/dog/2.png; mend or remove it"),
        (("info", "pats"), "no file or folder 'pats'"),
        (("info", "pets/train/cat/0.png"), "has not written"),
        (("pack", "pets", "-o", "pets/train/cat/0.png"), "is there and is no packed file"),
        (("pack", "pets", "-o", "pets"), "is there and is no packed file"),
        (("pack", "pets", "--px", 4), "--px"),
    ],
)
def test_what_is_wrong_is_one_line(
    nas: Run, pets: Path, arguments: tuple[object, ...], message: str
) -> None:
    finished = nas("data", *arguments)
    assert finished.code == 2
    assert message in finished.err
    assert finished.err.count("\n") == 1
