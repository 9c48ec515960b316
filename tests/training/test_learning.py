"""A small network learns real images."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.data.pixels import Pixels
from nas.model import build
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.training.loop import train
from nas.training.recipe import load_recipe


@pytest.fixture(scope="module")
def cifar() -> tuple[Pixels, Pixels]:
    named = os.environ.get("NAS_DATA")
    if not named or not (Path(named) / "cifar10-mini-train.npz").is_file():
        pytest.skip("NAS_DATA names no folder with cifar10-mini-train.npz and imgpack.py")
    folder = Path(named)
    spec = importlib.util.spec_from_file_location("imgpack", folder / "imgpack.py")
    assert spec is not None
    assert spec.loader is not None
    imgpack: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(imgpack)
    parts = []
    for split in ("train", "test"):
        x, y, classes = imgpack.load(str(folder / f"cifar10-mini-{split}.npz"))
        images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
        indices = torch.arange(len(y))
        parts.append(Pixels(images, torch.from_numpy(y), tuple(classes), 32, indices))
    return parts[0], parts[1]


@pytest.mark.slow
def test_cifar_is_learned_far_above_chance(cifar: tuple[Pixels, Pixels]) -> None:
    spec = ArchSpec(
        stem=StemSpec(channels=16, kernel=3, stride=2),
        stages=(
            StageSpec(block="mbconv", channels=24, layers=2, kernel=3, stride=1, expand_ratio=3),
            StageSpec(block="mbconv", channels=40, layers=2, kernel=3, stride=2, expand_ratio=3),
        ),
        head=HeadSpec(channels=128),
        resolution=32,
        classes=10,
    )
    recipe = load_recipe("short", epochs=6, batch_size=64)
    result = train(build(spec, seed=0), *cifar, recipe, resolution=32, seed=0, evaluate_every=6)
    assert result.top1 is not None
    # 2,000 images, 6 epochs; chance is 0.1.
    assert result.top1 > 0.35
