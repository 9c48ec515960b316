"""Tiny images that can be learned in a second, and a network that learns them."""

from __future__ import annotations

import torch

from nas.data.pixels import Pixels
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec


def coloured_squares(images: int, classes: int = 4, px: int = 16, seed: int = 0) -> Pixels:
    """Noise with a bright quarter; which one is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % classes
    pixels = torch.randint(0, 128, (images, 3, px, px), generator=generator, dtype=torch.uint8)
    half = px // 2
    for index, label in enumerate(labels.tolist()):
        top, left = (label // 2 % 2) * half, (label % 2) * half
        pixels[index, label % 3, top : top + half, left : left + half] += 100
    names = tuple(f"class {number}" for number in range(classes))
    return Pixels(pixels, labels, names, px, torch.arange(images))


def small_spec(classes: int = 4, dropout: float = 0.0, drop_path: float = 0.0) -> ArchSpec:
    return ArchSpec(
        stem=StemSpec(channels=8, kernel=3, stride=2),
        stages=(
            StageSpec(block="mbconv", channels=8, layers=2, kernel=3, stride=1, expand_ratio=2),
            StageSpec(block="mbconv", channels=12, layers=2, kernel=3, stride=2, expand_ratio=2),
        ),
        head=HeadSpec(channels=16, dropout=dropout),
        resolution=16,
        classes=classes,
        drop_path=drop_path,
    )
