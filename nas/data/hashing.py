"""Hashes of contents; those of many files are remembered between runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from nas.errors import NasError
from nas.files import write_text_atomic

Result = TypeVar("Result")

REMEMBERED_FROM_BYTES = 1 << 30
"""Below this much, reading everything again takes a second or so and nothing is remembered."""

# A task for each of a million files would cost more memory than the files' hashes.
_PER_TASK = 16

# A file that changed within this time of being hashed could change again without a new time.
_SETTLED_NS = 2_000_000_000


def content_hash(content: bytes) -> str:
    """The first 128 bits of SHA-256, hexadecimal: no accident makes two contents meet."""
    return hashlib.sha256(content).hexdigest()[:32]


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def in_threads(function: Callable[[int], Result], count: int) -> list[Result]:
    """`function` of 0..count-1, in order; hashing, decoding and reading release Python's lock."""
    starts = range(0, count, _PER_TASK)

    def some(start: int) -> list[Result]:
        return [function(index) for index in range(start, min(start + _PER_TASK, count))]

    with ThreadPoolExecutor(processors()) as pool:
        return [result for results in pool.map(some, starts) for result in results]


def file_hashes(root: Path, paths: Sequence[str]) -> list[str]:
    """Hashes of the files' contents, in order.

    A file that is empty or cannot be read equals no other: its hash is its path with a word before
    it. Of a large folder, a file with the size and time of last change that it had at an earlier
    call is not read again.
    """
    states = [_state(root / path) for path in paths]
    large = sum(state[0] for state in states) >= REMEMBERED_FROM_BYTES
    memory = _memory_file(root) if large else None
    known = _remembered(memory) if memory is not None else {}

    def hash_of(index: int) -> str:
        size, changed_ns = states[index]
        if size == 0:
            return f"empty {paths[index]}"
        remembered = known.get(paths[index])
        if remembered is not None and remembered[:2] == [size, changed_ns]:
            return str(remembered[2])
        try:
            return content_hash((root / paths[index]).read_bytes())
        except OSError:
            return f"unreadable {paths[index]}"

    hashes = in_threads(hash_of, len(paths))
    if memory is not None:
        _remember(memory, known, paths, states, hashes)
    return hashes


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _memory_file(root: Path) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = content_hash(os.fsencode(root.resolve()))
    return Path(cache) / "compound-nas" / "hashes" / f"{name}.json"


def _remembered(memory: Path) -> dict[str, list[int | str]]:
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(
    memory: Path,
    known: dict[str, list[int | str]],
    paths: Sequence[str],
    states: Sequence[tuple[int, int]],
    hashes: Sequence[str],
) -> None:
    import time

    settled = time.time_ns() - _SETTLED_NS
    new = {
        path: [*state, value]
        for path, state, value in zip(paths, states, hashes, strict=True)
        if " " not in value and state[1] < settled
    }
    if any(known.get(path) != entry for path, entry in new.items()):
        try:
            write_text_atomic(memory, json.dumps(known | new), flush=False)
        except NasError:
            return  # a home that cannot be written to costs time, nothing else
