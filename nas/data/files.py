"""Images that are files below a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.data.decoding import EXTENSIONS, decode, size_of
from nas.data.hashing import file_hashes
from nas.data.images import Decoded, ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

# Enough for any header and a camera's notes with their thumbnail; the rest is read if it is not.
_HEADER_BYTES = 1 << 17


class FileImages:
    """Files `paths` with `labels`; names are their paths below `root`."""

    encoded = True

    def __init__(
        self,
        root: Path,
        classes: tuple[str, ...],
        paths: Sequence[str],
        labels: NDArray[np.int64],
    ) -> None:
        self.root = root
        self.classes = classes
        self.labels = labels
        self.paths = list(paths)
        self._hashes: list[str] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return self.paths[index]

    def size(self, index: int) -> tuple[int, int]:
        name = self.paths[index]
        with self._opening(index), (self.root / name).open("rb") as stream:
            head = stream.read(_HEADER_BYTES)
            try:
                return size_of(head, name)
            except ImageError:
                return size_of(head + stream.read(), name)

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        return decode(self.content(index), self.paths[index], at_least_px)

    def read(self, index: int) -> Image:
        return self.decode(index).image

    def content(self, index: int) -> bytes:
        with self._opening(index):
            return (self.root / self.paths[index]).read_bytes()

    def content_hashes(self) -> list[str]:
        if self._hashes is None:
            self._hashes = file_hashes(self.root, self.paths)
        return self._hashes

    def _opening(self, index: int) -> _Opening:
        return _Opening(self.paths[index])

    def part(self, indices: NDArray[np.int64]) -> FileImages:
        """Those at `indices`, in that order."""
        images = FileImages(
            self.root, self.classes, [self.paths[i] for i in indices], self.labels[indices]
        )
        hashes = self._hashes
        images._hashes = None if hashes is None else [hashes[i] for i in indices]
        return images


class _Opening:
    """Turns what the file system says about a file into an ImageError."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise ImageError(
                self.name, "unreadable", error.strerror or type(error).__name__
            ) from None


def image_files(folder: Path) -> tuple[list[str], list[str]]:
    """Files below `folder` at any depth: those with an image's name, and the others.

    Paths are relative to `folder`, in the order of torchvision's ImageFolder. Hidden files and
    folders are passed over. Symbolic links are followed, but no folder is visited twice.
    """
    images: list[str] = []
    others: list[str] = []
    visited: set[str] = set()
    found: list[tuple[str, list[str]]] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        # A folder that links to one above it would be walked for ever.
        real = os.path.realpath(place)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not hidden(name))
        found.append((place, sorted(files)))
    for place, files in sorted(found):
        below = os.path.relpath(place, folder)
        for name in files:
            if hidden(name):
                continue
            path = name if below == "." else f"{below}/{name}"
            (images if name.lower().endswith(EXTENSIONS) else others).append(path)
    return images, others


def hidden(name: str) -> bool:
    """Whether a name is some program's business: .git, .DS_Store, __MACOSX, Thumbs.db."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")
