"""A network and images so small that a training takes a second."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.report import Problems
from nas.data.sample import open_sample
from nas.spec import ArchSpec, HeadSpec, SqueezeExcite, StageSpec, StemSpec

TINY = ArchSpec(
    stem=StemSpec(8),
    stages=(
        StageSpec("mbconv", 8, 1),
        StageSpec("mbconv", 16, 2, stride=2, expand_ratio=3, se=SqueezeExcite()),
    ),
    head=HeadSpec(32, dropout=0.1),
    resolution=16,
    classes=1000,
    drop_path=0.1,
    name="tiny",
)
SAMPLE = "sample:px=16,classes=4,images=48,test=24"
OTHER_SAMPLE = "sample:px=16,classes=6,images=48,test=24,seed=3"
FEW = ("--epochs", 2, "--batch", 16, "--device", "cpu")


def write_tiny(folder: Path) -> Path:
    """The tiny network as a file."""
    path = folder / "tiny.json"
    path.write_text(TINY.to_json())
    return path


def write_images(folder: Path, sample: str = SAMPLE, *, prefix: str = "") -> Path:
    """A sample as a folder of PNG files; `prefix` stands before the names of the classes."""
    data = open_sample(sample, Problems())
    assert data.test is not None
    for part, images in (("train", data.train), ("test", data.test)):
        for index in range(len(images)):
            label = images.classes[images.labels[index]]
            place = folder / part / f"{prefix}{label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.asarray(images.read(index))).save(place / f"{index:03d}.png")
    return folder


def result_of(folder: Path) -> dict:
    """A training's result.json."""
    return json.loads((folder / "result.json").read_text())
