"""Decoded pixels kept in a folder, found again as long as the images are the same."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Images
from nas.data.pixels import Pixels
from nas.data.report import Problems
from nas.data.squares import DRAFT_FACTOR

Decode = Callable[[Images, NDArray[np.int64], int, Problems], Pixels]

# Raise it when decoding or resizing makes other pixels of the same images.
_CACHE_VERSION = 1


def cached_pixels(
    folder: Path,
    images: Images,
    chosen: NDArray[np.int64],
    px: int,
    report: Problems,
    decode: Decode,
) -> Pixels:
    """`decode`'s result from `folder`, or made and kept there.

    A file that is damaged is made again; a folder that cannot be written to keeps nothing, since
    the pixels are there all the same. What was odd about the images is kept and reported with them.
    """
    path = folder / f"pixels-{_key(images, chosen, px)}.safetensors"
    found = _load(path, images.classes, px, report)
    if found is None:
        own = Problems(report.strict)
        found = decode(images, chosen, px, own)
        _keep(path, found, own)
        _pass_on(own.found, report)
    return found


def _key(images: Images, chosen: NDArray[np.int64], px: int) -> str:
    import PIL

    version = (_CACHE_VERSION, PIL.__version__, DRAFT_FACTOR, px)
    hashes = images.content_hashes()
    key = hashlib.sha256(repr(version).encode())
    for index in chosen:
        # Names too: the report that is kept with the pixels speaks of them.
        line = f"{images.labels[index]} {hashes[index]} {images.name(int(index))}\n"
        key.update(line.encode(errors="surrogateescape"))
    key.update(chosen.astype("<i8").tobytes())
    return key.hexdigest()[:32]


def _load(path: Path, classes: tuple[str, ...], px: int, report: Problems) -> Pixels | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            images, labels, indices = (
                file.get_tensor(name) for name in ("images", "labels", "indices")
            )
            problems = json.loads((file.metadata() or {})["problems"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    _pass_on(problems, report)
    return Pixels(images, labels, classes, px, indices)


def _keep(path: Path, pixels: Pixels, problems: Problems) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    neighbour = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    tensors = {"images": pixels.images, "labels": pixels.labels, "indices": pixels.indices}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, neighbour, {"problems": json.dumps(problems.found)})
        neighbour.replace(path)
    except (OSError, SafetensorError):
        # Not renamed, so at most a neighbour is left.
        with suppress(OSError):
            neighbour.unlink(missing_ok=True)


def _pass_on(found: dict[str, dict[str, Any]], report: Problems) -> None:
    for kind, names in found.items():
        for name, reason in names.items():
            report.add(kind, name, reason)
