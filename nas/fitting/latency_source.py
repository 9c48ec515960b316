"""What a fit's latencies come from: measured on this machine, or predicted by a table's file.

`latency:cpu`, `latency:onnxruntime` and `latency:cuda` measure, `latency:FILE` predicts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nas.errors import ConfigError
from nas.latency.machine import DEVICES, Device
from nas.latency.table import LatencyTable, check_known, names_table, table_for
from nas.spec import ArchSpec
from nas.units import how_many

PREFIX = "latency:"
ROUNDS = 20
"""Interleaved readings of each network in one pass."""
BASELINES = 3
"""Times that the baseline runs in a round: an error of its figure is one of all ratios."""


@dataclass(frozen=True)
class Pass:
    """One measurement of a network beside the baseline, in the same interleaved rounds.

    ratio: of the two minima. low, high: the least and the most of it and of the ratios in every
    other round and in the rounds between. noise: why it means little; empty where it does not.
    """

    latency_ms: float
    median_ms: float
    baseline_ms: float
    ratio: float
    low: float
    high: float
    noise: str = ""


class LatencySource(Protocol):
    """Tells what networks take.

    together: how many it is asked for at once. sure: how many standard deviations away from the
    tolerance a network must be predicted to be left out. passes: how often a network may be
    measured until it is clear on which side of the tolerance it lies. most: networks that a fit may
    ask for.
    """

    @property
    def together(self) -> int:
        """See the class."""

    @property
    def sure(self) -> float:
        """See the class."""

    @property
    def passes(self) -> int:
        """See the class."""

    @property
    def most(self) -> int:
        """See the class."""

    def identity(self) -> dict[str, Any]:
        """What decides the figures, as plain values; another identity is another fit."""

    def hardware(self) -> Device | None:
        """What would be measured on now; None for figures that are of no machine."""

    def measure(self, baseline: ArchSpec, networks: Sequence[ArchSpec]) -> list[Pass]:
        """What the networks take, each beside the baseline. Raises: LatencyError."""

    def about(self) -> str:
        """What kind of figures these are, in words."""


@dataclass(frozen=True)
class MeasuredHere:
    """Measures on this machine. device: cpu, onnxruntime, cuda or cuda:1."""

    device: str
    threads: int
    batch: int
    together: int = 16
    sure: float = 2.0
    passes: int = 3
    most: int = 600

    def identity(self) -> dict[str, Any]:
        """Device, threads and batch."""
        return {"device": self.device, "threads": self.threads, "batch": self.batch}

    def hardware(self) -> Device:
        """What this machine is. Raises: LatencyError where the device is not there."""
        from nas.latency.measure import check_device
        from nas.latency.runners import describe_device

        check_device(self.device, self.threads)
        return describe_device(self.device, self.threads)

    def measure(self, baseline: ArchSpec, networks: Sequence[ArchSpec]) -> list[Pass]:
        """Interleaved rounds of all of them."""
        from nas.latency.measure import MeasureSettings, measure_latencies

        settings = MeasureSettings(self.device, self.threads, self.batch, rounds=ROUNDS)
        measured = measure_latencies([baseline] * BASELINES + [*networks], settings)
        origins, others = measured[:BASELINES], measured[BASELINES:]
        origin_ms = min(each.minimum_ms for each in origins)
        origin_halves = [
            min(halves) for halves in zip(*(o.halves_ms for o in origins), strict=True)
        ]
        # Not noisy where one of its figures is not.
        origin_noise = min(each.noise for each in origins)
        passes = []
        for each in others:
            ratio = each.minimum_ms / origin_ms
            halves = [a / b for a, b in zip(each.halves_ms, origin_halves, strict=True)]
            noise = each.noise or (origin_noise and f"the baseline: {origin_noise}")
            passes.append(
                Pass(
                    each.minimum_ms,
                    each.median_ms,
                    origin_ms,
                    ratio,
                    min(ratio, *halves),
                    max(ratio, *halves),
                    noise,
                )
            )
        return passes

    def about(self) -> str:
        """The device's settings."""
        images = how_many(self.batch, "image")
        return f"measured beside the baseline in interleaved rounds, {images} a run"


@dataclass(frozen=True)
class Tabled:
    """Predicts by a table that `nas latency table` wrote."""

    path: str
    table: LatencyTable
    together: int = 1000
    sure: float = 4.0
    passes: int = 1
    most: int = 20_000

    def identity(self) -> dict[str, Any]:
        """The table's content."""
        text = json.dumps(self.table.to_dict(), sort_keys=True)
        return {"table": hashlib.sha256(text.encode()).hexdigest()[:16]}

    def hardware(self) -> None:
        """A prediction is of no machine."""

    def measure(self, baseline: ArchSpec, networks: Sequence[ArchSpec]) -> list[Pass]:
        """Predicted. Raises: LatencyError where the table knows nothing of a network's layers."""
        origin = self._predicted(baseline)
        found = [self._predicted(network) for network in networks]
        return [Pass(ms, ms, origin, ms / origin, ms / origin, ms / origin) for ms in found]

    def about(self) -> str:
        """The table, and how good it is."""
        table = self.table
        return (
            f"predicted by {self.path} ({table.device.describe()}, {table.check.describe()}); "
            "sizes that it did not measure are told by its model of layers (median error "
            f"{table.model_error:.1%})"
        )

    def _predicted(self, arch: ArchSpec) -> float:
        check_known(self.table, self.path, arch)
        return self.table.predict(arch).latency_ms


def is_latency(constraint: str) -> bool:
    """Whether a constraint is on latency."""
    return f"{constraint}:".startswith(PREFIX)


def check_latency(constraint: str) -> None:
    """Raises: ConfigError where `constraint` names neither a device nor a file."""
    device = constraint.removeprefix(PREFIX)
    if not names_table(device) and device.partition(":")[0] not in DEVICES:
        raise ConfigError(
            f"cannot constrain '{constraint}'; use {', '.join(PREFIX + name for name in DEVICES)}, "
            f"or {PREFIX}FILE with a table of `nas latency table`"
        )


def latency_source(constraint: str, *, threads: int, batch: int) -> LatencySource:
    """What a constraint's latencies come from.

    Raises: LatencyError where a table cannot be read, or settings are not the table's.
    """
    device = constraint.removeprefix(PREFIX)
    if not names_table(device):
        return MeasuredHere(device, threads, batch)
    return Tabled(device, table_for(device, threads=threads, batch=batch))
