"""How much memory is free for us, container limits included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MEMORY_SHARE = 0.4
"""The part of the free memory that decoded pixels may take where no limit is given."""

GPU_SHARE = 0.3
"""The same of a GPU's, which has to hold weights and activations besides."""

_PROC = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_memory_bytes() -> int:
    """Memory in bytes that can be taken without swapping; the smaller of machine and container."""
    return min(_machine(_PROC), _container(_CGROUP))


def room_bytes(device: torch.device) -> int:
    """How many bytes of decoded pixels may be put on `device`, by what is free there now."""
    if device.type != "cuda":
        return int(MEMORY_SHARE * available_memory_bytes())
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(GPU_SHARE * free)


def _machine(meminfo: Path) -> int:
    try:
        for line in meminfo.read_text().splitlines():
            # MemAvailable counts what file caches would give back, unlike free pages.
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    # No Linux: half of what is built in is a careful guess at what is free.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _container(cgroup: Path) -> int:
    """What is left below the limit of a control group (version 2); unbounded without one."""
    unbounded = 1 << 62
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        return unbounded if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return unbounded
