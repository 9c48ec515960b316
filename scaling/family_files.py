"""A family on disk: one JSON network per member, and `family.csv` about all of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.files import make_folder, write_text_atomic
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import Member

TABLE = "family.csv"
RECORD = "record.json"
"""The command that made the family, and when: see nas/runs/command_record.py."""

COLUMNS = (
    "member",
    "rule",
    "phi",
    "alpha",
    "beta",
    "gamma",
    "depth",
    "width",
    "resolution_px",
    "params",
    "flops",
    "activations",
    "nominal_ratio",
    "realised_ratio",
    "dropout",
    "drop_path",
    "training_bytes_per_image",
    "latency_ms",
    "latency_median_ms",
    "latency_spread",
    "latency_ratio",
    "latency_noise",
    "digest",
)
"""Columns of `family.csv`. depth and width are multipliers before rounding, resolution_px is the
network's; ratios are FLOPs over the baseline's; training_bytes_per_image is what an image keeps in
a training step, in float32, where it was asked for. latency_*: see `MemberLatency`; empty where no
latency was asked for. phi and the coefficients are empty where the rule has none."""


@dataclass(frozen=True)
class MemberLatency:
    """What one run of a batch of a member takes.

    latency_ms: the minimum of the readings, or what a table predicts. median_ms, spread: of the
    readings (the median over the minimum, less one); None where it is predicted. ratio: over the
    baseline's. noise: why the figure means little; empty where it does not.
    """

    latency_ms: float
    median_ms: float | None
    spread: float | None
    ratio: float
    noise: str = ""


def member_row(
    member: Member,
    coefficients: ScalingCoefficients | None,
    training_bytes: Mapping[str, int] | None = None,
    latencies: Mapping[str, MemberLatency] | None = None,
) -> dict[str, Any]:
    """One member's row, by `COLUMNS`.

    training_bytes: member -> bytes an image keeps in a step. latencies: by member.
    """
    latency = latencies[member.name] if latencies else None
    return {
        "member": member.name,
        "rule": member.rule,
        "phi": member.phi,
        "alpha": coefficients.alpha if coefficients else None,
        "beta": coefficients.beta if coefficients else None,
        "gamma": coefficients.gamma if coefficients else None,
        "depth": member.multipliers.depth,
        "width": member.multipliers.width,
        "resolution_px": member.arch.resolution,
        "params": member.cost.params,
        "flops": member.cost.flops,
        "activations": member.cost.activations,
        "nominal_ratio": member.nominal_ratio,
        "realised_ratio": member.realised_ratio,
        "dropout": member.arch.head.dropout,
        "drop_path": member.arch.drop_path,
        "training_bytes_per_image": training_bytes[member.name] if training_bytes else None,
        "latency_ms": latency.latency_ms if latency else None,
        "latency_median_ms": latency.median_ms if latency else None,
        "latency_spread": latency.spread if latency else None,
        "latency_ratio": latency.ratio if latency else None,
        "latency_noise": latency.noise if latency else None,
        "digest": member.arch.digest(),
    }


def write_family(
    folder: Path,
    members: Sequence[Member],
    coefficients: ScalingCoefficients | None = None,
    training_bytes: Mapping[str, int] | None = None,
    latencies: Mapping[str, MemberLatency] | None = None,
) -> tuple[Path, ...]:
    """Write `<member>.json` for each, then the table. Returns the paths, the table last.

    Each file is whole at any moment. The table comes last: where it lists a member, that member's
    file is there.
    Raises: WriteError if the folder or a file cannot be written.
    """
    make_folder(folder)
    paths = []
    for member in members:
        path = folder / f"{member.name}.json"
        write_text_atomic(path, member.arch.to_json())
        paths.append(path)
    stream = io.StringIO()
    table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(
        member_row(member, coefficients, training_bytes, latencies) for member in members
    )
    write_text_atomic(folder / TABLE, stream.getvalue())
    return (*paths, folder / TABLE)


def leftovers(folder: Path, members: Sequence[Member]) -> tuple[str, ...]:
    """Networks in `folder` that are not of this family: an earlier one's, or the user's own."""
    known = {RECORD, *(f"{member.name}.json" for member in members)}
    return tuple(sorted(path.name for path in folder.glob("*.json") if path.name not in known))
