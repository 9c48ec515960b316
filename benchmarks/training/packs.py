"""Image packs (`NAME-train.npz`, `-test` or `-val`, their reader imgpack.py) as image folders."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType


def is_pack(data: str) -> bool:
    """Whether DIR/NAME names a pack."""
    return Path(f"{data}-train.npz").is_file()


def unpack(packs: Path, name: str, folder: Path, classes: int = 0, per_class: int = 0) -> None:
    """Write a pack's JPEG files as folders; 0 means all classes, all images."""
    if (folder / "complete").exists():
        return
    reader = _reader(packs)
    for part in ("train", "test"):
        file = packs / f"{name}-{part}.npz"
        if part == "test" and not file.exists():
            file = packs / f"{name}-val.npz"
        pack = reader.ImgPack(file)
        written: Counter[int] = Counter()
        for index, label in enumerate(int(label) for label in pack.labels):
            if (classes and label >= classes) or (per_class and written[label] >= per_class):
                continue
            place = folder / part / str(pack.classes[label]).replace("/", "-")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{written[label]:05d}.jpg").write_bytes(pack.encoded(index))
            written[label] += 1
    (folder / "complete").touch()


def _reader(packs: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("imgpack", packs / "imgpack.py")
    if spec is None or spec.loader is None:
        sys.exit(f"{packs} holds no imgpack.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
