"""The fingerprint changes with anything that matters, and the manifest names what it was."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.data import hashing
from nas.data.fingerprint import changed, manifest
from nas.data.opening import open_data


def edit(folder: Path) -> None:
    shutil.copy(folder / "train/dog/0.png", folder / "train/cat/3.png")


def remove(folder: Path) -> None:
    (folder / "val/cat/1.png").unlink()


def add(folder: Path) -> None:
    for number in range(5):
        shutil.copy(folder / "val/cat/0.png", folder / f"train/cat/new{number}.png")


def rename_class(folder: Path) -> None:
    for part in ("train", "val"):
        (folder / part / "dog").rename(folder / part / "wolf")


def add_class(folder: Path) -> None:
    for part in ("train", "val"):
        shutil.copytree(folder / part / "dog", folder / part / "emu")


def empty(folder: Path) -> None:
    (folder / "train/dog/0.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit, "1 changed: train/cat/3.png"),
        (empty, "1 changed: train/dog/0.png"),
        (remove, "1 missing: val/cat/1.png"),
        (add, "5 new: train/cat/new0.png, train/cat/new1.png, train/cat/new2.png and 2 more"),
        (rename_class, "other class names; 9 missing: train/dog/0.png, train/dog/1.png, "),
        (add_class, "3 classes instead of 2; 9 new: train/emu/0.png, "),
    ],
)
def test_a_change_is_named(folder: Path, change: Callable[[Path], None], said: str) -> None:
    before = json.loads(json.dumps(manifest(open_data(folder))))
    assert changed(before, manifest(open_data(folder))) is None
    change(folder)
    now = manifest(open_data(folder))
    assert now["fingerprint"] != before["fingerprint"]
    found = changed(before, now)
    assert found is not None
    assert said in found
    assert "\n" not in found


def test_where_the_images_lie_does_not_matter(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere/copy"
    shutil.copytree(folder, copy)
    assert open_data(copy).fingerprint == open_data(folder).fingerprint
    assert len(open_data(copy).fingerprint) == 64


def test_the_same_images_in_another_order() -> None:
    one = {"fingerprint": "a", "classes": ["x"], "images": {"1": "0:a"}}
    assert changed(one, one | {"fingerprint": "b"}) == "the same images in another order"


def test_a_large_folders_hashes_are_remembered_until_a_file_changes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hashing, "REMEMBERED_FROM_BYTES", 1)
    read: list[bytes] = []
    original = hashing.content_hash

    def counted(content: bytes) -> str:
        read.append(content)
        return original(content)

    monkeypatch.setattr(hashing, "content_hash", counted)
    past = time.time() - 60
    for path in folder.rglob("*.*"):
        os.utime(path, (past, past))

    def fingerprint() -> tuple[str, int]:
        read.clear()
        found = open_data(folder).fingerprint
        images = [content for content in read if not content.startswith(b"/")]
        return found, len(images)

    first, count = fingerprint()
    assert count == 22
    assert fingerprint() == (first, 0)
    edit(folder)
    second, count = fingerprint()
    assert (second != first, count) == (True, 1)
    # It was changed a moment ago and could change again unnoticed, so it is not remembered yet.
    assert fingerprint() == (second, 1)
    (memory,) = (tmp_path / "cache").rglob("*.json")
    memory.write_text("{")
    assert fingerprint() == (second, 22)
