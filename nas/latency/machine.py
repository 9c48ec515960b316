"""What a figure was measured on, and keeping the work on so many cores.

Standard library only, because this file is part of the stand-alone script.
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.units import how_many

DEVICES = ("cpu", "cuda", "onnxruntime")
"""`cpu` and `cuda` are PyTorch's; `onnxruntime` is its CPU provider."""


@dataclass(frozen=True)
class Device:
    """What ran the networks.

    kind: one of `DEVICES`. processor: the model of the CPU, or of the GPU for `cuda`. threads: of
    the CPU. libraries: (name, version) of what ran them.
    """

    kind: str
    processor: str
    threads: int
    system: str
    libraries: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        """In words: "onnxruntime 1.22.0 on AMD EPYC 7B13, 1 thread"."""
        libraries = ", ".join(f"{name} {version}" for name, version in self.libraries)
        return f"{libraries} on {self.processor}, {how_many(self.threads, 'thread')}"

    def same_hardware(self, other: Device) -> bool:
        """Whether the kind, processor and threads are the same; versions may differ."""
        ours = (self.kind, self.processor, self.threads)
        return ours == (other.kind, other.processor, other.threads)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "processor": self.processor,
            "threads": self.threads,
            "system": self.system,
            "libraries": dict(self.libraries),
        }

    @classmethod
    def from_dict(cls, content: Any) -> Device:
        """Read `to_dict`'s output. Raises: KeyError, TypeError or ValueError where it is none."""
        return cls(
            kind=str(content["kind"]),
            processor=str(content["processor"]),
            threads=int(content["threads"]),
            system=str(content["system"]),
            libraries=tuple((str(k), str(v)) for k, v in dict(content["libraries"]).items()),
        )


def processor_name() -> str:
    """The model of the CPU as the system calls it."""
    try:
        if platform.system() == "Linux":
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.lower().startswith(("model name", "hardware")):
                    return line.partition(":")[2].strip()
        if platform.system() == "Darwin":
            asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """Processes that wanted to run, the mean of the last minute; None where it is not told."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keep this process, its library threads too, on `threads` cores; on all of them afterwards.

    A thread that moves finds another core's caches cold. Where the system has no such call,
    nothing is done.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    # The last ones: interrupts are mostly the first core's.
    _keep_on(set(sorted(before)[-threads:]))
    try:
        yield
    finally:
        _keep_on(before)


def _keep_on(cores: set[int]) -> None:
    tasks = Path("/proc/self/task")
    threads = [int(each.name) for each in tasks.iterdir()] if tasks.is_dir() else [0]
    for thread in threads:
        # A thread may have ended since, and a container may forbid the call.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(thread, cores)
