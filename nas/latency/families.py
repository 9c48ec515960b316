"""What the members of a family take on a device, beside their baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.latency.measure import MeasureSettings, check_device, measure_latencies
from nas.latency.table import LatencyTable, check_known, names_table, table_for
from nas.scaling.family import Member
from nas.scaling.family_files import MemberLatency
from nas.spec import ArchSpec
from nas.units import how_many


@dataclass(frozen=True)
class FamilyLatency:
    """Latencies by member. about: what kind of figures they are, and of what device, in words."""

    members: Mapping[str, MemberLatency]
    baseline_ms: float
    about: str


def check_family_latency(device: str, *, threads: int, batch: int) -> None:
    """Refuse what cannot be measured, before a family is made. Raises: LatencyError."""
    if names_table(device):
        table_for(device, threads=threads, batch=batch)
    else:
        check_device(device, threads)


def family_latency(
    baseline: ArchSpec, members: Sequence[Member], device: str, *, threads: int, batch: int
) -> FamilyLatency:
    """Measure the members and the baseline together, or predict them by a table.

    device: cpu, onnxruntime or cuda, or the file of a table. Raises: LatencyError where one of them
    does not run, or the table has seen nothing like its blocks.
    """
    if names_table(device):
        return _predicted(
            baseline, members, device, table_for(device, threads=threads, batch=batch)
        )
    settings = MeasureSettings(device, threads, batch)
    # The baseline is mostly a member too, and is not measured twice.
    networks = {arch.digest(): arch for arch in (baseline, *(each.arch for each in members))}
    measured = dict(zip(networks, measure_latencies([*networks.values()], settings), strict=True))
    origin = measured[baseline.digest()]
    found = {}
    for member in members:
        each = measured[member.arch.digest()]
        found[member.name] = MemberLatency(
            each.minimum_ms,
            each.median_ms,
            each.spread,
            each.minimum_ms / origin.minimum_ms,
            each.noise,
        )
    clock = "CPU time" if origin.clock == "cpu" else "wall time"
    about = (
        f"measured here in {origin.rounds} interleaved rounds, {clock}, "
        f"{how_many(batch, 'image')} a run, {origin.device.describe()}"
    )
    return FamilyLatency(found, origin.minimum_ms, about)


def _predicted(
    baseline: ArchSpec, members: Sequence[Member], path: str, table: LatencyTable
) -> FamilyLatency:
    for arch in (baseline, *(member.arch for member in members)):
        check_known(table, path, arch)
    origin = table.predict(baseline).latency_ms
    found, modelled = {}, 0.0
    for member in members:
        each = table.predict(member.arch)
        modelled = max(modelled, each.modelled)
        found[member.name] = MemberLatency(each.latency_ms, None, None, each.latency_ms / origin)
    about = (
        f"predicted by {path}, {how_many(table.batch, 'image')} a run, {table.device.describe()}; "
        f"{table.check.describe()}; up to {modelled:.0%} of a member is by its model of layers "
        f"(median error {table.model_error:.1%})"
    )
    return FamilyLatency(found, origin, about)
