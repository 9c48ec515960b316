"""One packed file: the same images, labels and fingerprint; damage is one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import safetensors
import safetensors.numpy

from nas.data.images import DataSet
from nas.data.opening import open_data
from nas.data.packing import pack
from nas.data.report import Problems
from nas.errors import DataError, WriteError

Draw = Callable[..., Path]


def packed(data: DataSet, path: Path, px: int | None = None) -> DataSet:
    pack(data, path, px=px, report=data.problems)
    return open_data(path)


def test_a_packed_folder_is_the_folder(folder: Path, tmp_path: Path) -> None:
    data = open_data(folder)
    again = packed(data, tmp_path / "deep/pets.safetensors")
    assert again.fingerprint == data.fingerprint
    assert again.classes == data.classes
    for one, two in ((data.train, again.train), (data.test, again.test)):
        assert one is not None
        assert two is not None
        assert one.labels.tolist() == two.labels.tolist()
        for index in range(len(one)):
            assert one.name(index) == two.name(index)
            assert one.content(index) == two.content(index)
            assert one.size(index) == two.size(index) == (20, 16)
            assert np.array_equal(np.asarray(one.read(index)), np.asarray(two.read(index)))
    assert not list(tmp_path.glob("deep/.*"))


def test_the_file_is_what_safetensors_itself_reads_and_writes(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pets.safetensors"
    data = packed(open_data(folder), path)
    tensors = safetensors.numpy.load_file(path)
    assert {name: str(tensor.dtype) for name, tensor in tensors.items()} == {
        "bytes": "uint8", "offsets": "int64", "labels": "int64", "names": "uint8",
    }  # fmt: skip
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert json.loads(metadata["classes"]) == ["cat", "dog"]
    safetensors.numpy.save_file(tensors, tmp_path / "again.safetensors", metadata)
    assert open_data(tmp_path / "again.safetensors").fingerprint == data.fingerprint


def test_without_test_images_and_from_a_split(folder: Path, tmp_path: Path) -> None:
    data = open_data(folder / "train")
    again = packed(data, tmp_path / "split.safetensors")
    assert (again.fingerprint, again.notes) == (data.fingerprint, data.notes)
    (folder / "val").rename(tmp_path / "away")
    assert packed(open_data(folder), tmp_path / "train.safetensors").test is None


@pytest.mark.parametrize(("px", "kind"), [(24, "PNG"), (100, "JPEG")])
def test_px_makes_larger_images_small_and_leaves_the_others(
    folder: Path, tmp_path: Path, draw: Draw, px: int, kind: str
) -> None:
    draw("pets/train/cat/large.png", (300, 200))
    draw("pets/train/cat/tall.png", (200, 300), mode="L")
    data = open_data(folder)
    again = packed(data, tmp_path / "small.safetensors", px)
    sizes = {again.train.name(i): again.train.size(i) for i in range(len(again.train))}
    assert sizes.pop("train/cat/large.png") == (px * 3 // 2, px)
    assert sizes.pop("train/cat/tall.png") == (px, px * 3 // 2)
    assert set(sizes.values()) == {(20, 16)}
    index = next(i for i in range(18) if again.train.name(i).endswith("large.png"))
    stream = again.train.content(index)
    assert (stream[:2] == b"\xff\xd8") == (kind == "JPEG")
    assert again.train.decode(index).odd == ()
    large = data.train.read(index).resize((px * 3 // 2, px), PIL.Image.Resampling.BICUBIC)
    difference = np.abs(np.asarray(large, float) - np.asarray(again.train.read(index), float))
    assert difference.mean() < (5 if kind == "JPEG" else 1e-9)


def test_what_has_no_encoding_is_kept_without_loss(tmp_path: Path) -> None:
    data = open_data("sample:px=16,classes=2,images=6,test=4")
    again = packed(data, tmp_path / "sample.safetensors")
    assert again.toy
    assert again.notes == data.notes
    for index in range(6):
        assert again.train.content(index).startswith(b"\x89PNG")
        ours, theirs = again.train.read(index), data.train.read(index)
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def test_broken_images_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (folder / "train/cat/0.png").write_bytes(b"")
    data = open_data(folder)
    again = packed(data, tmp_path / "pets.safetensors")
    assert len(again.train) == 15
    assert data.problems.found == {"empty": {"train/cat/0.png": "the file is empty"}}
    with pytest.raises(DataError, match=r"train/cat/0.png: the file is empty; mend"):
        pack(data, tmp_path / "strict.safetensors", report=Problems(strict=True))
    assert not (tmp_path / "strict.safetensors").exists()
    for path in (folder / "train/dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the 6 images of class 'dog' can be used"):
        pack(open_data(folder), tmp_path / "lost.safetensors", report=Problems())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pets", "pets.safetensors"]


def test_a_worker_process_gets_the_place_of_the_images_not_the_images(
    folder: Path, tmp_path: Path
) -> None:
    images = packed(open_data(folder), tmp_path / "pets.safetensors").train
    sent = pickle.dumps(images)
    assert len(sent) < 500
    assert pickle.loads(sent).content_hashes() == images.content_hashes()


def rewritten(path: Path, **changes: np.ndarray | str) -> None:
    tensors = dict(safetensors.numpy.load_file(path))
    with safetensors.safe_open(path, "numpy") as file:
        metadata = dict(file.metadata())
    for name, value in changes.items():
        if isinstance(value, str):
            metadata[name] = value
        else:
            tensors[name] = value
    safetensors.numpy.save_file(tensors, path, metadata)


INT = np.int64


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-5]), "is damaged"),
        (lambda p: p.write_bytes(p.read_bytes() + b"x"), "is damaged"),
        (lambda p: rewritten(p, format="compound-nas images 2"), "this nas reads 'compound-nas"),
        (lambda p: rewritten(p, classes='["cat"]'), "none of its classes"),
        (lambda p: rewritten(p, classes="7"), "no list of names"),
        (lambda p: rewritten(p, classes="["), "is damaged"),
        (lambda p: rewritten(p, train="0"), "no training images"),
        (lambda p: rewritten(p, train="null"), "is damaged"),
        (lambda p: rewritten(p, labels=np.zeros(3, INT)), "different numbers of images"),
        (lambda p: rewritten(p, offsets=np.full(23, 7, INT)), "places are in disorder"),
        (lambda p: rewritten(p, names=np.full(9, 255, np.uint8)), "is damaged"),
    ],
)
def test_a_damaged_file_is_one_line(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "pets.safetensors"
    packed(open_data(folder), path)
    spoil(path)
    with pytest.raises(DataError, match=message) as raised:
        open_data(path)
    assert "pack it again" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_place_that_cannot_be_written_to_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"cannot write .*file/x.safetensors"):
        packed(open_data(folder), tmp_path / "file/x.safetensors")
