"""A file's name is bytes: one that is no UTF-8 is a name as any other."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nas.data.opening import open_data
from nas.data.packing import pack
from nas.data.pixels import load_pixels
from nas.data.report import Problems
from nas.data.splitting import search_split

CAT = Path("train/cat")
CAFE, CAFE_GRAVE, EMPTY = (os.fsdecode(n) for n in (b"caf\xe9.png", b"caf\xe8.png", b"th\xe9.png"))


@pytest.fixture
def latin1(folder: Path) -> Path:
    """The folder with a name in Latin-1 among its files, and an empty file of such a name."""
    try:
        shutil.copy(folder / CAT / "0.png", folder / CAT / CAFE)
        (folder / CAT / EMPTY).touch()
    except OSError:
        pytest.skip("this file system keeps names in UTF-8 only")
    return folder


def test_it_is_opened_split_and_told_from_others(latin1: Path) -> None:
    data = open_data(latin1)
    assert str(CAT / CAFE) in [data.train.name(index) for index in range(18)]
    before, split = data.fingerprint, search_split(data.train)
    assert len(split.search_train) + len(split.search_val) == 18
    (latin1 / CAT / CAFE).rename(latin1 / CAT / CAFE_GRAVE)
    assert open_data(latin1).fingerprint != before


def test_it_is_cached_and_packed(latin1: Path, tmp_path: Path) -> None:
    data = open_data(latin1)
    for _ in range(2):
        report = Problems()
        pixels = load_pixels(data.train, None, 8, report=report, cache=tmp_path / "cache")
        assert (len(pixels), report.left_out) == (17, 1)
    (latin1 / CAT / EMPTY).unlink()
    data = open_data(latin1)
    pack(data, tmp_path / "pets.safetensors", report=Problems())
    packed = open_data(tmp_path / "pets.safetensors")
    assert packed.fingerprint == data.fingerprint
    assert search_split(packed.train).digest == search_split(data.train).digest
