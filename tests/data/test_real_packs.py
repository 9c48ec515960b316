"""The real packs, unpacked to folders by their own reader: same images, labels and classes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data.inspection import inspect
from nas.data.opening import open_data
from nas.data.packing import pack
from nas.data.pixels import load_pixels
from nas.data.report import Problems
from nas.data.splitting import search_split


@pytest.fixture(scope="module")
def imgpack(data_folder: Path) -> Any:
    path = data_folder / "imgpack.py"
    if not path.is_file() or not (data_folder / "caltech20-mini64-train.npz").is_file():
        pytest.skip(f"{data_folder} holds no imgpack.py with caltech20-mini64-*.npz")
    found = importlib.util.spec_from_file_location("imgpack", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def caltech(
    imgpack: Any, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("caltech")
    for part in ("train", "test"):
        source = imgpack.ImgPack(data_folder / f"caltech20-mini64-{part}.npz")
        for index, label in enumerate(source.labels):
            path = folder / part / source.classes[label] / f"{index:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.encoded(index))
    return folder, imgpack.ImgPack(data_folder / "caltech20-mini64-train.npz")


def test_a_real_folder_has_its_packs_pixels_and_labels(caltech: tuple[Path, Any]) -> None:
    folder, source = caltech
    data = open_data(folder)
    assert sorted(source.classes) == list(data.classes)
    pixels, labels = source.arrays()
    ours = load_pixels(data.train, None, 64, report=data.problems)
    for position in range(len(ours)):
        index = int(Path(data.train.name(position)).stem)
        assert data.classes[ours.labels[position]] == source.classes[labels[index]]
        assert np.array_equal(ours.images[position].permute(1, 2, 0).numpy(), pixels[index])


def test_a_real_folder_is_inspected_split_and_packed(
    caltech: tuple[Path, Any], tmp_path: Path
) -> None:
    data = open_data(caltech[0])
    found = inspect(data)
    assert (sum(found.train_counts), sum(found.test_counts or ())) == (800, 300)
    assert found.suggested_resolution == 64
    assert found.problems.left_out == 0
    split = search_split(data.train)
    counts = np.bincount(data.train.labels[split.search_val], minlength=20)
    expected = 0.2 * np.array(found.train_counts)
    assert np.all(np.abs(counts - expected) <= 1)
    pack(data, tmp_path / "caltech.safetensors", report=Problems())
    assert open_data(tmp_path / "caltech.safetensors").fingerprint == data.fingerprint
