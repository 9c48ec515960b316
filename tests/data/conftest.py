from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write an image of noise; its content depends on its path and `seed`."""

    def write(
        path: str, size: tuple[int, int] = (20, 16), *, seed: int = 0, mode: str = "RGB"
    ) -> Path:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng([seed, *path.encode()])
        pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).convert(mode).save(target)
        return target

    return write


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """Two classes: 10 and 6 images to train (some of them nested), 3 and 3 to test."""
    for part, counts in (("train", {"cat": 8, "dog": 6}), ("val", {"cat": 3, "dog": 3})):
        for name, count in counts.items():
            for number in range(count):
                draw(f"pets/{part}/{name}/{number}.png")
    draw("pets/train/cat/more/indoors/a.JPG")
    draw("pets/train/cat/more/b.jpeg")
    return tmp_path / "pets"
