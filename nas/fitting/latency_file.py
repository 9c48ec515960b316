"""`latencies.json` in a fit's folder: what has been measured, so that nothing is measured twice."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nas.errors import RunError
from nas.files import make_folder, write_text_atomic
from nas.fitting.latency_source import LatencySource, Pass
from nas.latency.machine import Device
from nas.spec import ArchSpec

FILE = "latencies.json"
SCHEMA = 1


class Growth(NamedTuple):
    """How a network was made of the baseline: two multipliers, and its side."""

    depth: float
    width: float
    resolution_px: int


@dataclass(frozen=True)
class Reading:
    """All passes of one network. What is noisy counts only where nothing else is there."""

    passes: tuple[Pass, ...]

    @property
    def ratio(self) -> float:
        """Latency over the baseline's, the geometric mean of the passes."""
        return math.exp(sum(math.log(each.ratio) for each in self._used) / len(self._used))

    @property
    def low(self) -> float:
        """The least ratio that the halves of passes give, nearer to their mean with each pass."""
        return self._narrowed(min(each.low for each in self._used))

    @property
    def high(self) -> float:
        """The largest, likewise."""
        return self._narrowed(max(each.high for each in self._used))

    @property
    def latency_ms(self) -> float:
        """The least latency of all readings."""
        return min(each.latency_ms for each in self._used)

    @property
    def noise(self) -> str:
        """Why the figure is noisy; empty where one pass was not."""
        return self._used[-1].noise

    def _narrowed(self, end: float) -> float:
        # The mean of n passes strays by less than one of them: by the square root of n.
        return float(self.ratio * (end / self.ratio) ** (len(self._used) ** -0.5))

    @property
    def _used(self) -> tuple[Pass, ...]:
        return tuple(each for each in self.passes if not each.noise) or self.passes


class LatencyFile:
    """The readings of one baseline's networks, on one source; every measurement is written.

    Raises: RunError where the file is damaged, or of another baseline or source.
    """

    def __init__(self, folder: Path, baseline: ArchSpec, source: LatencySource) -> None:
        self.source = source
        self._path, self._baseline = folder / FILE, baseline
        self._passes: dict[str, list[Pass]] = {}
        self._sizes: dict[str, Growth] = {}
        self._device: dict[str, Any] | None = None
        if self._path.is_file():
            self._read()

    @property
    def device(self) -> Device | None:
        """What was measured on; None before that, and for predictions."""
        return None if self._device is None else Device.from_dict(self._device)

    @property
    def growths(self) -> Mapping[str, Growth]:
        """Digest -> multipliers, of all networks that were measured."""
        return self._sizes

    def __len__(self) -> int:
        return len(self._passes)

    def __contains__(self, digest: str) -> bool:
        return digest in self._passes

    def __getitem__(self, digest: str) -> Reading:
        return Reading(tuple(self._passes[digest]))

    @property
    def baseline_ms(self) -> float:
        """The least latency of the baseline."""
        return min(each.baseline_ms for passes in self._passes.values() for each in passes)

    def measure(self, networks: Sequence[tuple[ArchSpec, Growth]]) -> None:
        """Measure networks (each with how it grows) once more and write what came out.

        Raises: RunError where earlier readings are of another machine; LatencyError where a network
        cannot be measured.
        """
        hardware = self.source.hardware()
        known = self.device
        if known is not None and hardware != known:
            raise RunError(
                f"{self._path} was measured with {known.describe()}, this is "
                f"{hardware.describe() if hardware else 'a table'}; go on there, or use another "
                "--out"
            )
        readings = self.source.measure(self._baseline, [arch for arch, _ in networks])
        for (arch, growth), found in zip(networks, readings, strict=True):
            self._passes.setdefault(arch.digest(), []).append(found)
            self._sizes[arch.digest()] = growth
        self._device = None if hardware is None else hardware.to_dict()
        self._write()

    def _write(self) -> None:
        make_folder(self._path.parent)
        content = {
            "schema": SCHEMA,
            "baseline": self._baseline.digest(),
            "source": self.source.identity(),
            "device": self._device,
            "networks": {
                digest: {
                    **self._sizes[digest]._asdict(),
                    "passes": [dataclasses.asdict(each) for each in passes],
                }
                for digest, passes in self._passes.items()
            },
        }
        write_text_atomic(self._path, json.dumps(content, indent=1) + "\n")

    def _read(self) -> None:
        try:
            content: Mapping[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            if content["schema"] != SCHEMA:
                raise RunError(
                    f"{self._path} has schema {content['schema']}; this version reads {SCHEMA}: "
                    "update it"
                )
            baseline, source = str(content["baseline"]), dict(content["source"])
            self._device = content["device"]
            for digest, entry in content["networks"].items():
                self._passes[digest] = [Pass(**each) for each in entry["passes"]]
                self._sizes[digest] = Growth(
                    float(entry["depth"]), float(entry["width"]), int(entry["resolution_px"])
                )
            _ = self.device
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise RunError(
                f"{self._path} holds no latencies of a fit; restore it, or move it away"
            ) from None
        if baseline != self._baseline.digest():
            raise RunError(
                f"{self._path} is of another baseline ({baseline[:8]}, not "
                f"{self._baseline.digest()[:8]}); use another --out"
            )
        if source != self.source.identity():
            now = self.source.identity()
            changed = ", ".join(
                f"{name} {source.get(name, 'none')} -> {now.get(name, 'none')}"
                for name in dict.fromkeys((*source, *now))
                if source.get(name) != now.get(name)
            )
            raise RunError(
                f"{self._path} was measured with other settings ({changed}); use its settings to "
                "go on, or another --out"
            )
