"""What a stage works on, by what is in it: a result that was made again alike is the same input."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from nas.pipeline.plan import Plan


def inputs_of(plan: Plan, stage: str, folder: Path) -> dict[str, str]:
    """What a stage works on: file -> identity of what it holds; absent files are left out."""
    return dict(_inputs(plan, stage, folder))


def _inputs(plan: Plan, stage: str, folder: Path) -> Iterator[tuple[str, str]]:
    for other in plan.needs(stage):
        for name, identify in {
            "search": [("search/best.json", _network)],
            "fit-scaling": [("fit/coefficients.json", _coefficients)],
            "family": [(f"family/{plan.member}.json", _network)] if stage == "train" else [],
            "retrain": [("retrained/weights.safetensors", _bytes)],
            "train": [(f"trained-{plan.member}/weights.safetensors", _bytes)],
        }.get(other, []):
            path = folder / name
            # The report shows whatever there is, and is made anew in seconds.
            if path.is_file() and stage != "report":
                yield name, identify(path)


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
