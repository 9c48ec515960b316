"""CIFAR-10 and CIFAR-100 as their authors publish them, in the python and the binary version.

Source: https://www.cs.toronto.edu/~kriz/cifar.html. Each image is 3072 bytes: 1024 of red, then
green, then blue, row by row. A binary record has one label byte before them (CIFAR-100: two, the
coarse label first). CIFAR-100's classes are the fine ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.arrays import ArrayImages
from nas.data.images import DataSet
from nas.data.report import Problems
from nas.data.restricted_pickle import read_plain_pickle
from nas.errors import DataError

SIDE_PX = 32
_IMAGE_BYTES = 3 * SIDE_PX * SIDE_PX
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))


@dataclass(frozen=True)
class Version:
    """One of the published formats: the folder its archive makes, and the files in it."""

    folder: str
    train: tuple[str, ...]
    test: str
    names: str
    binary: bool
    label_bytes: int
    labels_key: str
    names_key: str


VERSIONS = (
    Version(
        "cifar-10-batches-py", _BATCHES, "test_batch", "batches.meta", False, 1, "labels",
        "label_names",
    ),
    Version(
        "cifar-10-batches-bin", tuple(f"{name}.bin" for name in _BATCHES), "test_batch.bin",
        "batches.meta.txt", True, 1, "labels", "label_names",
    ),
    Version(
        "cifar-100-python", ("train",), "test", "meta", False, 1, "fine_labels",
        "fine_label_names",
    ),
    Version(
        "cifar-100-binary", ("train.bin",), "test.bin", "fine_label_names.txt", True, 2,
        "fine_labels", "fine_label_names",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class CifarFolder:
    """A folder that holds CIFAR's files in one of the versions."""

    folder: Path
    version: Version


def find_cifar(folder: Path) -> CifarFolder | None:
    """`folder`, or the one that CIFAR's archive made in it, where it holds CIFAR's files.

    Raises: DataError if several do.
    """
    for version in VERSIONS:
        if _holds(folder, version):
            return CifarFolder(folder, version)
    below = [CifarFolder(folder / v.folder, v) for v in VERSIONS if _holds(folder / v.folder, v)]
    if len(below) > 1:
        names = " and ".join(found.folder.name for found in below)
        raise DataError(f"{folder} holds {names}; name the one to use")
    return below[0] if below else None


def open_cifar(found: CifarFolder, name: str, problems: Problems) -> DataSet:
    """Read CIFAR. Raises: DataError if a file is missing, damaged or refused."""
    version = found.version
    classes = _class_names(found)
    train = [_read(found, file, len(classes)) for file in version.train]
    test = _read(found, version.test, len(classes))
    return DataSet(
        name,
        _images("train", classes, train),
        _images("test", classes, [test]),
        problems=problems,
    )


Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def _holds(folder: Path, version: Version) -> bool:
    # Its first training file and its class names: a class folder of images may be called `train`,
    # but it is no file.
    return (folder / version.train[0]).is_file() and (folder / version.names).is_file()


def _images(part: str, classes: tuple[str, ...], parts: Sequence[Part]) -> ArrayImages:
    planes = np.concatenate([pixels for pixels, _ in parts])
    pixels = planes.reshape(-1, 3, SIDE_PX, SIDE_PX).transpose(0, 2, 3, 1)
    labels = np.concatenate([labels for _, labels in parts])
    return ArrayImages(part, classes, np.ascontiguousarray(pixels), labels)


def _class_names(found: CifarFolder) -> tuple[str, ...]:
    path = found.folder / found.version.names
    content = _content(path)
    names: Any
    if found.version.binary:
        names = [line.strip() for line in content.decode("latin1").splitlines() if line.strip()]
    else:
        meta = read_plain_pickle(content, str(path))
        names = meta.get(found.version.names_key) if isinstance(meta, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise DataError(f"{path} holds no class names; unpack the archive again")
    return tuple(names)


def _read(found: CifarFolder, file: str, classes: int) -> Part:
    path = found.folder / file
    content = _content(path)
    pixels, labels = (
        _binary(content, found.version, path)
        if found.version.binary
        else _python(content, found.version, path)
    )
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"{path} has labels that are none of its {classes} classes")
    return pixels, labels


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"{path} is missing; unpack the archive again")
    return path.read_bytes()


def _binary(content: bytes, version: Version, path: Path) -> Part:
    record = version.label_bytes + _IMAGE_BYTES
    if len(content) % record:
        raise DataError(
            f"{path} is damaged: its {len(content):,} bytes are no multiple of {record:,}; "
            "unpack the archive again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    labels = records[:, version.label_bytes - 1].astype(np.int64)
    return records[:, version.label_bytes :], labels


def _python(content: bytes, version: Version, path: Path) -> Part:
    batch = read_plain_pickle(content, str(path))
    batch = batch if isinstance(batch, dict) else {}
    pixels, labels = batch.get("data"), batch.get(version.labels_key)
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape[1:] != (_IMAGE_BYTES,)
        or not isinstance(labels, list)
        or len(labels) != len(pixels)
        or not all(isinstance(label, int) for label in labels)
    ):
        raise DataError(
            f"{path} is not a batch of CIFAR: it needs 'data' (N, {_IMAGE_BYTES}) of bytes and N "
            f"whole numbers as '{version.labels_key}'"
        )
    return pixels, np.array(labels, dtype=np.int64)
