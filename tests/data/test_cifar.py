"""CIFAR as published: the same images and labels as torchvision reads; no other pickle is."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data.images import Images
from nas.data.opening import open_data
from nas.data.restricted_pickle import read_plain_pickle
from nas.errors import DataError

PER_FILE = 12
FINE = [f"fine{number}" for number in range(100)]
TEN = [f"kind{number}" for number in range(10)]

Batch = tuple[np.ndarray, list[int]]


def batch(seed: int, classes: int) -> Batch:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, PER_FILE).tolist()
    return random.integers(0, 256, (PER_FILE, 3072), dtype=np.uint8), labels


def dump(path: Path, document: Any) -> None:
    # Protocol 2 is what Python 2 wrote, and so what is published.
    path.write_bytes(pickle.dumps(document, protocol=2))


def cifar10_python(folder: Path) -> list[Batch]:
    folder = folder / "cifar-10-batches-py"
    folder.mkdir()
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    batches = [batch(seed, 10) for seed in range(6)]
    for name, (pixels, labels) in zip(names, batches, strict=True):
        dump(folder / name, {"data": pixels, "labels": labels, "filenames": ["x"] * PER_FILE})
    dump(folder / "batches.meta", {"label_names": TEN, "num_vis": 3072})
    return batches


def cifar10_binary(folder: Path) -> list[Batch]:
    folder = folder / "cifar-10-batches-bin"
    folder.mkdir()
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    batches = [batch(seed, 10) for seed in range(6)]
    for name, (pixels, labels) in zip(names, batches, strict=True):
        records = np.concatenate([np.array(labels, np.uint8)[:, None], pixels], axis=1)
        (folder / name).write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join([*TEN, "", ""]))
    return batches


def cifar100_python(folder: Path) -> list[Batch]:
    folder = folder / "cifar-100-python"
    folder.mkdir()
    batches = [batch(seed, 100) for seed in range(2)]
    for name, (pixels, labels) in zip(("train", "test"), batches, strict=True):
        coarse = [label // 5 for label in labels]
        dump(folder / name, {"data": pixels, "fine_labels": labels, "coarse_labels": coarse})
    dump(folder / "meta", {"fine_label_names": FINE, "coarse_label_names": ["c"] * 20})
    return batches


def cifar100_binary(folder: Path) -> list[Batch]:
    folder = folder / "cifar-100-binary"
    folder.mkdir()
    batches = [batch(seed, 100) for seed in range(2)]
    for name, (pixels, labels) in zip(("train.bin", "test.bin"), batches, strict=True):
        fine = np.array(labels, np.uint8)[:, None]
        (folder / name).write_bytes(np.concatenate([fine // 5, fine, pixels], axis=1).tobytes())
    (folder / "fine_label_names.txt").write_text("\n".join(FINE) + "\n")
    (folder / "coarse_label_names.txt").write_text("c\n" * 20)
    return batches


VERSIONS = [cifar10_python, cifar10_binary, cifar100_python, cifar100_binary]
Write = Callable[[Path], list[Batch]]


@pytest.mark.parametrize("write", VERSIONS)
def test_each_version_gives_the_images_that_were_written(tmp_path: Path, write: Write) -> None:
    *train, test = write(tmp_path)
    data = open_data(tmp_path)
    (below,) = tmp_path.iterdir()
    assert open_data(below).fingerprint == data.fingerprint
    assert list(data.classes) == (TEN if "10-" in below.name else FINE)
    assert data.test is not None
    for images, batches in ((data.train, train), (data.test, [test])):
        assert images.labels.tolist() == [label for _, labels in batches for label in labels]
        flat = np.concatenate([pixels for pixels, _ in batches])
        for index in range(len(images)):
            ours = np.asarray(images.read(index))
            assert np.array_equal(ours.transpose(2, 0, 1).reshape(-1), flat[index])
        assert images.size(0) == (32, 32)


@pytest.mark.parametrize(("write", "reader"), [(VERSIONS[0], "CIFAR10"), (VERSIONS[2], "CIFAR100")])
def test_torchvision_reads_the_same(
    tmp_path: Path, write: Write, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    write(tmp_path)
    kind = getattr(datasets, reader)
    # The published files' checksums are not those of a few drawn images.
    monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *arguments: True)
    data = open_data(tmp_path)
    parts: list[tuple[bool, Images | None]] = [(True, data.train), (False, data.test)]
    for train, ours in parts:
        theirs = kind(tmp_path, train=train)
        assert ours is not None
        assert list(ours.classes) == theirs.classes
        assert ours.labels.tolist() == theirs.targets
        for index in range(len(theirs)):
            assert np.array_equal(np.asarray(ours.read(index)), np.asarray(theirs[index][0]))


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/nas-evil",)


class EvilPersistent(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return "outside" if obj == "x" else None


@pytest.mark.parametrize("file", ["data_batch_2", "batches.meta"])
def test_a_pickle_that_would_call_something_is_refused_by_name(tmp_path: Path, file: str) -> None:
    cifar10_python(tmp_path)
    dump(tmp_path / "cifar-10-batches-py" / file, {"data": Evil()})
    with pytest.raises(DataError, match=rf"{file} is refused: its pickle asks for posix.system"):
        open_data(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cbuiltins\neval\n(S'1'\ntR.", "asks for builtins.eval"),
        (b"cnumpy\nload\n(S'x'\ntR.", "asks for numpy.load"),
        (b"c_codecs\nencode\n(S'x'\nS'bz2'\ntR.", "asks for the codec 'bz2'"),
        (b"c_codecs\nopen\n(S'x'\ntR.", "asks for _codecs.open"),
        (b"Pid\n.", "asks for an object outside the file"),
        (b"garbage", "is damaged"),
        (b"", "is damaged"),
    ],
)
def test_only_what_cifar_holds_is_unpickled(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_plain_pickle(content, "file")


@pytest.mark.parametrize("protocol", range(5))
def test_plain_contents_come_back_in_every_protocol(protocol: int) -> None:
    document = {"a": [1, 2.5, "text", b"\x00\xff", None, (True,)], "x": np.arange(6).reshape(2, 3)}
    again = read_plain_pickle(pickle.dumps(document, protocol=protocol), "file")
    assert np.array_equal(again.pop("x"), document.pop("x"))
    assert again == document


def no_test_batch(folder: Path) -> None:
    (folder / "test_batch").unlink()


def cut_off(folder: Path) -> None:
    path = folder / "data_batch_3"
    path.write_bytes(path.read_bytes()[:1000])


def other_shape(folder: Path) -> None:
    dump(folder / "data_batch_3", {"data": np.zeros((2, 5), np.uint8), "labels": [1, 2]})


def other_labels(folder: Path) -> None:
    dump(folder / "data_batch_3", {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]})


def no_names(folder: Path) -> None:
    dump(folder / "batches.meta", {"label_names": []})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_test_batch, "test_batch is missing; unpack the archive again"),
        (cut_off, "data_batch_3 is damaged"),
        (other_shape, "data_batch_3 is not a batch of CIFAR"),
        (other_labels, "data_batch_3 has labels that are none of its 10 classes"),
        (no_names, "batches.meta holds no class names"),
    ],
)
def test_damaged_files_are_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    cifar10_python(tmp_path)
    spoil(tmp_path / "cifar-10-batches-py")
    with pytest.raises(DataError, match=message) as raised:
        open_data(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_binary_file_of_another_length_is_one_line(tmp_path: Path) -> None:
    cifar10_binary(tmp_path)
    with (tmp_path / "cifar-10-batches-bin/data_batch_1.bin").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(DataError, match="36,877 bytes are no multiple of 3,073"):
        open_data(tmp_path)


def test_of_two_versions_one_must_be_named(tmp_path: Path) -> None:
    cifar10_python(tmp_path)
    cifar100_binary(tmp_path)
    with pytest.raises(DataError, match="cifar-10-batches-py and cifar-100-binary; name the one"):
        open_data(tmp_path)
    assert len(open_data(tmp_path / "cifar-100-binary").classes) == 100
