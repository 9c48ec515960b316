"""A small baseline, and devices whose latencies are known."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

from nas.cost import network_cost
from nas.fitting.latency_source import Pass
from nas.latency.machine import Device
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec

SMALL = ArchSpec(
    StemSpec(16),
    (
        StageSpec("mbconv", 16, 2, stride=2, kernel=3, expand_ratio=2),
        StageSpec("mbconv", 32, 3, stride=2, kernel=3, expand_ratio=4),
        StageSpec("mbconv", 64, 1, stride=2, kernel=5, expand_ratio=4),
        StageSpec("mbconv", 64, 1, kernel=5, expand_ratio=4),
    ),
    HeadSpec(128),
    resolution=32,
    classes=10,
    name="small",
)

HERE = Device("onnxruntime", "an imagined processor", 1, "none", (("onnxruntime", "0"),))


def true_ms(arch: ArchSpec) -> float:
    """What a network takes on a device that dislikes widths that are no multiples of 16."""
    cost = network_cost(arch)
    slow = 1.15 if any(stage.channels % 16 for stage in arch.stages) else 1.0
    return 0.05 + 0.02 * arch.depth + slow * (cost.flops * 4e-8 + cost.activations * 4e-7)


def sluggish_ms(arch: ArchSpec) -> float:
    """A device that takes as long for a wide network as for a narrow one."""
    return 0.05 + 0.02 * arch.depth + arch.resolution**2 * 1e-4


@dataclasses.dataclass
class Imagined:
    """Measures by a formula. noise: of a reading's minimum, relative. asked: digests, in order.

    stops_after: is interrupted at the call of this number.
    """

    formula: Any = true_ms
    noise: float = 0.0
    device: Device = HERE
    threads: int = 1
    stops_after: int | None = None
    together: int = 8
    sure: float = 2.0
    passes: int = 3
    most: int = 600
    calls: int = 0
    asked: list[str] = dataclasses.field(default_factory=list)

    def identity(self) -> dict[str, Any]:
        """As that of a measured source."""
        return {"device": "imagined", "threads": self.threads}

    def hardware(self) -> Device:
        """An imagined one."""
        return self.device

    def about(self) -> str:
        """Not real."""
        return "imagined"

    def measure(self, baseline: ArchSpec, networks: Sequence[ArchSpec]) -> list[Pass]:
        """The formula's, with noise that follows from network and call."""
        self.calls += 1
        if self.stops_after is not None and self.calls > self.stops_after:
            raise KeyboardInterrupt
        origin = self.formula(baseline)
        found = []
        for arch in networks:
            self.asked.append(arch.digest())
            source = random.Random(f"{arch.digest()}-{self.asked.count(arch.digest())}")
            halves = [
                self.formula(arch) * (1 + self.noise * source.expovariate(1)) for _ in range(2)
            ]
            ms = min(halves)
            ratios = sorted(each / origin for each in halves)
            found.append(Pass(ms, ms, origin, ms / origin, *ratios))
        return found
