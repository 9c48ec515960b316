"""What a stage works on, by what is in it: a result that was made again alike is the same input."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from nas.pipeline.folder import stage_place
from nas.pipeline.plan import Plan


def inputs_of(plan: Plan, stage: str, folder: Path) -> dict[str, str]:
    """What a stage works on: file -> identity of what it holds; absent files are left out."""
    return dict(_inputs(plan, stage, folder))


def _inputs(plan: Plan, stage: str, folder: Path) -> Iterator[tuple[str, str]]:
    if stage == "report":  # which shows whatever there is, and is made anew in seconds
        return
    results: Mapping[str, tuple[str, Callable[[Path], str]]] = {
        "search": ("best.json", _network),
        "fit-scaling": ("coefficients.json", _coefficients),
        "family": (f"{plan.member}.json", _network),
        "retrain": ("weights.safetensors", _bytes),
        "train": ("weights.safetensors", _bytes),
    }
    for other in plan.needs(stage):
        file, identify = results[other]
        name = f"{stage_place(other, plan.member)}/{file}"
        if (folder / name).is_file():
            yield name, identify(folder / name)


def _network(path: Path) -> str:
    from nas.archs import read_network

    return read_network(path).digest()


def _coefficients(path: Path) -> str:
    from nas.scaling.coefficient_files import read_coefficients

    found = read_coefficients(path)
    return f"{found.alpha:.6g}, {found.beta:.6g}, {found.gamma:.6g}"


def _bytes(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
