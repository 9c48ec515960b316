"""Whether a process works on a run folder, asked without touching its lock."""

from __future__ import annotations

import os
from pathlib import Path

LOCKS = Path("/proc/locks")


def working_process(folder: Path) -> int | None:
    """The process that holds a run folder; None where there is none on this machine.

    Trying the lock would hold it for a moment, and could turn a search away that starts just then.
    """
    try:
        lock = folder / "lock"
        pid = int(lock.read_text())
        inode = lock.stat().st_ino
    except (OSError, ValueError):
        return None
    try:
        held = LOCKS.read_text().splitlines()
    except OSError:
        return pid if alive(pid) else None
    # "1: FLOCK  ADVISORY  WRITE 708 00:13:64099 0 EOF": the sixth word ends with the inode.
    words = (line.split() for line in held)
    found = any("FLOCK" in w and w[5].endswith(f":{inode}") for w in words if len(w) > 5)
    return pid if found else None


def alive(pid: int) -> bool:
    """Whether there is such a process, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
