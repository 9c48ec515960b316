"""One file that holds a whole data set, encoded: writing it."""

from __future__ import annotations

import io
import json
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from nas.data.decoding import quiet_pillow
from nas.data.hashing import in_threads
from nas.data.images import DataSet, ImageError, Images
from nas.data.packed import BYTES, FORMAT, LABELS, NAMES, OFFSETS
from nas.data.report import Problems
from nas.data.squares import draft_px, note_lost_classes, resized_to
from nas.errors import WriteError

if TYPE_CHECKING:
    from PIL.Image import Image

JPEG_QUALITY = 95
"""Of images made smaller; at or below PNG_UP_TO_PX they are stored without loss instead."""

PNG_UP_TO_PX = 64
"""Shorter side up to which a JPEG's blocks would cost more accuracy than bytes are worth."""

# So many images are held at once while packing.
_AT_ONCE = 512


@dataclass(frozen=True)
class Packed:
    """What was written: where, how many images of each part, and how many bytes."""

    path: Path
    train: int
    test: int
    bytes: int


def pack(data: DataSet, path: Path, *, px: int | None = None, report: Problems) -> Packed:
    """Write `data` to one file, beside and then renamed.

    px: images with a longer shorter side are decoded, made this small (no crop) and encoded again,
    as JPEG of quality 95 or, up to 64 px, as PNG. Everything else stays byte for byte as it was;
    images that have no encoding of their own (CIFAR, the sample) become PNG.
    Images that cannot be decoded are left out and noted in `report`.
    Raises: DataError if a class has nothing left, or at the first odd image if `report` is strict;
    WriteError if the file cannot be written.
    """
    target = path.resolve()
    neighbour = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The header comes first in the file and needs the sizes, so the images wait in another.
        with tempfile.TemporaryFile(dir=target.parent) as waiting:
            entries = _Entries()
            for images in filter(None, (data.train, data.test)):
                kept = _append(images, px, report, waiting, entries)
                _refuse_lost_class(images, kept, report)
                entries.parts.append(len(kept))
            try:
                with neighbour.open("xb") as stream:
                    size = _compose(stream, data, entries, px, waiting)
                neighbour.replace(target)
            except BaseException:
                neighbour.unlink(missing_ok=True)
                raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WriteError(
            f"cannot write {path}: {reason}; choose a place with room that you can write to"
        ) from None
    train, *test = entries.parts
    return Packed(path, train, sum(test), size)


class _Entries:
    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.labels: list[int] = []
        self.names: list[str] = []
        self.parts: list[int] = []


def _append(
    images: Images, px: int | None, report: Problems, waiting: IO[bytes], entries: _Entries
) -> list[int]:
    """Write each image's bytes; the indices of those that can be used."""
    kept = []
    for start in range(0, len(images), _AT_ONCE):
        count = min(_AT_ONCE, len(images) - start)

        def encode(offset: int, start: int = start) -> _Encoded | ImageError:
            try:
                return _encoded(images, start + offset, px)
            except ImageError as error:
                return error

        with quiet_pillow():
            encoded = in_threads(encode, count)
        for index, outcome in enumerate(encoded, start):
            name = images.name(index)
            if isinstance(outcome, ImageError):
                report.add(outcome.kind, name, outcome.reason)
                continue
            for kind in outcome.odd:
                report.add(kind, name)
            waiting.write(outcome.content)
            entries.lengths.append(len(outcome.content))
            entries.labels.append(int(images.labels[index]))
            entries.names.append(name)
            kept.append(index)
    return kept


@dataclass(frozen=True)
class _Encoded:
    content: bytes
    odd: tuple[str, ...]


def _encoded(images: Images, index: int, px: int | None) -> _Encoded:
    decoded = images.decode(index, draft_px(px) if px else 0)
    width, height = decoded.image.size
    if px is not None and min(width, height) > px:
        return _Encoded(_smaller(decoded.image, resized_to(width, height, px)), decoded.odd)
    return _Encoded(images.content(index) if images.encoded else _png(decoded.image), decoded.odd)


def _smaller(image: Image, size: tuple[int, int]) -> bytes:
    import PIL.Image

    resized = image.resize(size, PIL.Image.Resampling.BICUBIC)
    if min(size) <= PNG_UP_TO_PX:
        return _png(resized)
    stream = io.BytesIO()
    # Colour at full resolution: halving it blurs what little a small image has.
    resized.save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return stream.getvalue()


def _png(image: Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _refuse_lost_class(images: Images, kept: list[int], report: Problems) -> None:
    everything = np.arange(len(images))
    note_lost_classes(images, everything, np.array(kept, dtype=np.int64), report)


def _compose(
    stream: IO[bytes], data: DataSet, entries: _Entries, px: int | None, waiting: IO[bytes]
) -> int:
    """Write a safetensors file whose last tensor is copied from `waiting`; its size in bytes.

    By hand, because the library's writer needs all tensors in memory at once: the format is the
    header's length (8 bytes, little-endian), the header (JSON), the tensors in order, no gaps.
    """
    offsets = np.concatenate([[0], np.cumsum(entries.lengths, dtype=np.int64)]).astype("<i8")
    # Of a file's name that is no UTF-8 the bytes are kept.
    names = "\0".join(entries.names).encode(errors="surrogateescape")
    small = {
        OFFSETS: ("I64", offsets),
        LABELS: ("I64", np.array(entries.labels, dtype="<i8")),
        NAMES: ("U8", np.frombuffer(names, np.uint8)),
    }
    header: dict[str, object] = {
        "__metadata__": {
            "format": FORMAT,
            "classes": json.dumps(list(data.classes)),
            "train": json.dumps(entries.parts[0]),
            "toy": json.dumps(data.toy),
            "notes": json.dumps(list(data.notes)),
            "px": json.dumps(px),
        }
    }
    end = 0
    for name, (kind, array) in small.items():
        header[name] = _entry(kind, len(array), end, end := end + array.nbytes)
    header[BYTES] = _entry("U8", int(offsets[-1]), end, end + int(offsets[-1]))
    text = json.dumps(header).encode()
    # Padded, so that the whole numbers that follow are aligned, as the library does.
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    for _, array in small.values():
        stream.write(array.tobytes())
    waiting.seek(0)
    shutil.copyfileobj(waiting, stream, 1 << 20)
    return stream.tell()


def _entry(kind: str, length: int, start: int, end: int) -> dict[str, object]:
    return {"dtype": kind, "shape": [length], "data_offsets": [start, end]}
