"""What images a run began with, so that it never goes on with others.

data.json              name, classes, fingerprint, the search's split
data-manifest.csv.gz   split, class, content hash and name of each image: says which ones changed
evaluator/images.json  what was odd about the images when they were decoded
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import RunError
from nas.files import write_bytes_atomic, write_text_atomic

if TYPE_CHECKING:
    from nas.data.images import DataSet
    from nas.data.report import Problems

RECORD, MANIFEST = "data.json", "data-manifest.csv.gz"
IMAGE_PROBLEMS = "images.json"
NAMED = 3

Manifest = dict[tuple[str, str], tuple[str, str]]
"""(part, name) -> (class, content hash)."""


def keep_data(folder: Path, data: DataSet) -> None:
    """Record the images in a run folder, or compare them with its record.

    Raises: RunError naming images that were changed, added or removed; DataError if the images
    cannot be divided.
    """
    from nas.data.splitting import search_split

    recorded = _read(folder / RECORD)
    split = search_split(data.train)
    if recorded is None:
        write_bytes_atomic(folder / MANIFEST, _packed(manifest(data)))
        document = {
            "schema": 1,
            "name": data.name,
            "toy": data.toy,
            "classes": list(data.classes),
            "fingerprint": data.fingerprint,
            "train_images": len(data.train),
            "test_images": None if data.test is None else len(data.test),
            "split": {
                "digest": split.digest,
                "search_train": len(split.search_train),
                "search_val": len(split.search_val),
            },
        }
        write_text_atomic(folder / RECORD, json.dumps(document, indent=2) + "\n")
        return
    if recorded.get("fingerprint") != data.fingerprint:
        raise RunError(
            f"the images of {data.name} are not those that run {folder} began with: "
            f"{_changes(folder / MANIFEST, data)}; restore them, or use another --out"
        )
    if recorded.get("split", {}).get("digest") != split.digest:
        raise RunError(
            f"this version divides the images of {data.name} otherwise than run {folder}; go on "
            "with the version that began it (run.json), or use another --out"
        )


def read_data_record(folder: Path) -> dict[str, Any] | None:
    """What `keep_data` recorded; None where the run has no images. Raises: RunError if damaged."""
    return _read(folder / RECORD)


def keep_image_problems(evaluator_folder: Path, problems: Problems) -> None:
    """Note what the decoding of a worker has met; they all decode the same images."""
    lines = problems.lines()
    if lines:
        document = {"left_out": problems.left_out, "lines": lines}
        write_text_atomic(evaluator_folder / IMAGE_PROBLEMS, json.dumps(document, indent=2) + "\n")


def image_problems(folder: Path) -> list[str]:
    """What the workers of a run have noted of its images, a line for each kind."""
    document = _read(folder / "evaluator" / IMAGE_PROBLEMS)
    return [] if document is None else [str(line) for line in document.get("lines", [])]


def manifest(data: DataSet) -> Manifest:
    """Every image by part and name."""
    found: Manifest = {}
    for part, images in (("train", data.train), ("test", data.test)):
        if images is None:
            continue
        labels, hashes = images.labels, images.content_hashes()
        for index in range(len(images)):
            key = (part, images.name(index))
            found[key] = (images.classes[int(labels[index])], hashes[index])
    return found


def _changes(path: Path, data: DataSet) -> str:
    """In words: "2 changed (a.png, b.png), 1 removed (c.png)"."""
    try:
        before = _unpacked(path.read_bytes())
    except (OSError, ValueError, EOFError, zlib.error, csv.Error):
        return f"which ones cannot be told, because {path.name} cannot be read"
    now = manifest(data)
    changed = [key for key in before if key in now and now[key] != before[key]]
    removed = [key for key in before if key not in now]
    added = [key for key in now if key not in before]
    parts = [
        f"{len(keys)} {what} ({_names(keys)})"
        for what, keys in (("changed", changed), ("removed", removed), ("added", added))
        if keys
    ]
    return ", ".join(parts) or "the classes or the order of the images changed"


def _names(keys: list[tuple[str, str]]) -> str:
    more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
    return ", ".join(name for _, name in keys[:NAMED]) + more


def _packed(content: Manifest) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([part, label, value, name] for (part, name), (label, value) in content.items())
    # Without the time, so that the same images make the same file.
    return gzip.compress(stream.getvalue().encode("utf-8", "surrogateescape"), mtime=0)


def _unpacked(content: bytes) -> Manifest:
    text = gzip.decompress(content).decode("utf-8", "surrogateescape")
    rows = csv.reader(io.StringIO(text, newline=""))
    return {(part, name): (label, value) for part, label, value, name in rows}


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); restore it, or start anew") from None
    if not isinstance(document, dict):
        raise RunError(f"{path} is damaged; restore it, or start anew")
    return document
