"""The machine that a result was made on, as records keep it; asked without importing torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.latency.machine import processor_name, usable_cores

_ASK_SECONDS = 20.0
_DRIVER = Path("/proc/driver/nvidia/gpus")


def machine() -> dict[str, Any]:
    """processor: its model. cores: that this process may use. memory_gib: of the machine, null
    where it is not told. gpus: the models of NVIDIA GPUs that CUDA may use. system.
    """
    memory = _memory_bytes()
    return {
        "processor": processor_name(),
        "cores": usable_cores(),
        "memory_gib": None if memory is None else round(memory / 2**30, 1),
        "gpus": gpu_names(),
        "system": platform.platform(),
    }


def described(content: Mapping[str, Any]) -> str:
    """A `machine()` in words: "AMD EPYC 7B13, 2 cores, 7.8 GiB, no GPU, Linux-6.1"."""
    cores = content.get("cores")
    memory = content.get("memory_gib")
    gpus = [str(name) for name in content.get("gpus") or ()]
    counted = [f"{gpus.count(name)} x {name}" for name in dict.fromkeys(gpus)]
    parts = [
        str(content.get("processor") or "processor not known"),
        f"{cores} core{'' if cores == 1 else 's'}" if cores else "",
        f"{memory} GiB of memory" if memory else "",
        ", ".join(counted) or "no GPU",
        str(content.get("system", "")),
    ]
    return ", ".join(part for part in parts if part)


def gpu_names() -> list[str]:
    """Models of the NVIDIA GPUs that CUDA_VISIBLE_DEVICES leaves, by the driver's own account."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    asked = None if named is None else [gpu.strip() for gpu in named.split(",") if gpu.strip()]
    if asked == [] or asked == ["-1"]:
        return []
    gpus = _asked_of_driver()
    if asked is None:
        return [name for _, _, name in gpus] or _known_to_kernel()
    return [
        name
        for gpu in asked
        for index, uuid, name in gpus
        if gpu == index or (not gpu.isdigit() and uuid.startswith(gpu))
    ]


def _asked_of_driver() -> list[tuple[str, str, str]]:
    """(index, uuid, model) of each GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=index,uuid,name", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_ASK_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[part.strip() for part in line.split(",", 2)] for line in done.stdout.splitlines()]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]


def _known_to_kernel() -> list[str]:
    """For a machine with the driver and without its program."""
    found = []
    for file in sorted(_DRIVER.glob("*/information")):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
