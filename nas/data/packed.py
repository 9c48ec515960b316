"""One file that holds a whole data set, encoded: reading it.

A safetensors file, so that nothing in it can be run: all images' encoded bytes one after another,
where each begins, labels and names as tensors; classes and counts as metadata. It is mapped, not
read: opening takes no longer for more images, and worker processes share the memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.data.decoding import decode, size_of
from nas.data.hashing import content_hash, in_threads
from nas.data.images import DataSet, Decoded
from nas.data.report import Problems
from nas.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMAT = "compound-nas images 1"
"""The value of the metadata's key `format`; another number is another arrangement."""

# Part of the format: what the tensors are called, and what each element is.
BYTES, OFFSETS, LABELS, NAMES = "bytes", "offsets", "labels", "names"

_LENGTH_BYTES = 8


@dataclass(frozen=True)
class Mapped:
    """A packed file's tensors. bytes, names: uint8; offsets (N + 1,), labels (N,): int64."""

    path: Path
    metadata: dict[str, Any]
    bytes: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]
    names: list[str]


class PackedImages:
    """Images `first` to `last` (not included) of a packed file."""

    encoded = True

    def __init__(self, mapped: Mapped, first: int, last: int) -> None:
        self.classes = tuple(mapped.metadata["classes"])
        self.labels = mapped.labels[first:last]
        self._mapped = mapped
        self._first = first
        self._hashes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        return self._mapped.names[self._first + index]

    def size(self, index: int) -> tuple[int, int]:
        return size_of(self.content(index), self.name(index))

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        decoded = decode(self.content(index), self.name(index), at_least_px)
        # In here a name is a label: `packing` may have changed the format under it.
        return Decoded(decoded.image, tuple(kind for kind in decoded.odd if kind != "misnamed"))

    def read(self, index: int) -> Image:
        return self.decode(index).image

    def content(self, index: int) -> bytes:
        start, end = self._mapped.offsets[self._first + index : self._first + index + 2]
        return self._mapped.bytes[start:end].tobytes()

    def content_hashes(self) -> list[str]:
        if self._hashes is None:
            self._hashes = in_threads(lambda index: content_hash(self.content(index)), len(self))
        return self._hashes

    def __reduce__(self) -> tuple[Any, ...]:
        # A worker process maps the file itself; it is not sent the bytes.
        return _part_of, (self._mapped.path, self._first, self._first + len(self))


def is_packed(path: Path) -> bool:
    """Whether a file is one of `nas data pack`, by its beginning."""
    metadata = (_header(path) or {}).get("__metadata__")
    return isinstance(metadata, dict) and str(metadata.get("format", "")).startswith(
        FORMAT.rpartition(" ")[0]
    )


def open_packed(path: Path, name: str, problems: Problems) -> DataSet:
    """Open a packed file. Raises: DataError if it is damaged or of another version."""
    mapped = _map(path)
    train = mapped.metadata["train"]
    total = len(mapped.labels)
    return DataSet(
        name,
        PackedImages(mapped, 0, train),
        PackedImages(mapped, train, total) if total > train else None,
        toy=mapped.metadata["toy"],
        notes=tuple(mapped.metadata["notes"]),
        problems=problems,
    )


def _part_of(path: Path, first: int, last: int) -> PackedImages:
    return PackedImages(_map(path), first, last)


def _header(path: Path) -> dict[str, Any] | None:
    """The JSON that a safetensors file begins with, after its length; None if there is none."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= path.stat().st_size:
            return None
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            return None
    return header if isinstance(header, dict) else None


def _map(path: Path) -> Mapped:
    from safetensors import SafetensorError, safe_open

    try:
        # safetensors checks that the tensors fill the file exactly; the bytes are then mapped from
        # where it says, because its own reading copies a tensor whole.
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            offsets, labels = file.get_tensor(OFFSETS), file.get_tensor(LABELS)
            names = bytes(file.get_tensor(NAMES)).decode(errors="surrogateescape").split("\0")
        header = _header(path) or {}
        begin, end = header[BYTES]["data_offsets"]
        length = int.from_bytes(path.open("rb").read(_LENGTH_BYTES), "little")
        content: NDArray[np.uint8] = np.memmap(
            path, np.uint8, "r", offset=_LENGTH_BYTES + length + begin, shape=(end - begin,)
        )
        if metadata["format"] != FORMAT:
            raise DataError(
                f"{path} is of format '{metadata['format']}', and this nas reads '{FORMAT}'; "
                "pack it again"
            )
        read = {key: json.loads(metadata[key]) for key in ("classes", "train", "toy", "notes")}
        _check(read, content, offsets, labels, names)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); pack it again") from None
    return Mapped(path, read, content, offsets, labels, names)


def _check(
    metadata: dict[str, Any],
    content: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    labels: NDArray[np.int64],
    names: list[str],
) -> None:
    count, classes = len(labels), metadata["classes"]
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("its class names are no list of names")
    if (offsets.shape, labels.shape, len(names)) != ((count + 1,), (count,), count):
        raise ValueError("its tensors are of different numbers of images")
    if offsets[0] != 0 or offsets[-1] != len(content) or np.any(np.diff(offsets) < 0):
        raise ValueError("its images' places are in disorder")
    if not count or labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError("it has labels that are none of its classes")
    if not 0 < metadata["train"] <= count:
        raise ValueError("it has no training images")
