"""What to measure for a table, and measuring it: a work file in, a results file out.

Part of the stand-alone script. Items are a space's parts, each alone, and whole networks, each a
chain of parts. They are measured in passes; in every pass all items are shuffled into groups, and a
group is measured in interleaved rounds. So an item is met at several times and among others, and
its minimum is over all passes. After each group the results are written, and a run that was stopped
goes on there.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nas.latency.machine import Device, load_average, pinned, usable_cores
from nas.latency.program import Program, chained, random_weights
from nas.latency.runners import describe_device, faster_layout, onnx_run, torch_run, torch_threads
from nas.latency.timing import Pace, Run, chosen_clock, clock_called, interleave

WORK_SCHEMA = 2
"""1 had features of parts that did not tell channels by multiples of 16."""
GROUP = 16
PASSES = 3
ROUNDS = 10
"""Interleaved rounds of a group in one pass."""

Progress = Callable[[int, int], None]
"""(groups done, groups in all)."""


def work_digest(work: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits of a work file's content."""
    text = json.dumps(work, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def items_of(work: dict[str, Any]) -> dict[str, Program]:
    """Item -> program: "part KEY" for those to be measured alone, "network N" for whole ones."""
    parts = work["parts"]
    items = {f"part {key}": parts[key] for key in work["alone"]}
    for number, network in enumerate(work["networks"]):
        items[f"network {number}"] = chained([parts[key] for key in network["parts"]])
    return items


def measure_work(
    work: dict[str, Any],
    path: Path,
    *,
    device: str,
    threads: int,
    passes: int = PASSES,
    rounds: int = ROUNDS,
    progress: Progress = lambda done, groups: None,
) -> dict[str, Any]:
    """Measure what `path` does not hold yet, writing it after each group; returns its content.

    Raises: ValueError, in one line, where `path` holds results of something else.
    """
    clock = chosen_clock("auto", device, threads)
    items = items_of(work)
    groups = groups_of(work, passes)
    cores = usable_cores()
    with pinned(threads):
        found = describe_device(device, threads)
        results = _started(work, path, found, clock, (passes, rounds), cores)
        runs = _Runs(work, device, threads, found)
        for done, group in enumerate(groups):
            progress(done, len(groups))
            if done < results["groups_done"]:
                continue
            pace = Pace(rounds=rounds, seed=done)
            made = [runs.run_of(items[name]) for name in group]
            if device == "onnxruntime":
                readings = interleave(made, pace, clock_called(clock))
            else:
                with torch_threads(threads):
                    readings = interleave(made, pace, clock_called(clock))
            del made
            for name, values in zip(group, readings, strict=True):
                results["readings"].setdefault(name, []).append([round(v, 6) for v in values])
            results["groups_done"] = done + 1
            results["load_averages"].append(load_average())
            results["layout"] = runs.layout
            write_json(path, results)
        progress(len(groups), len(groups))
    return results


def groups_of(work: dict[str, Any], passes: int) -> list[list[str]]:
    """The items of every group, in the order of measurement."""
    groups = []
    for number in range(passes):
        names = [f"part {key}" for key in sorted(work["alone"])]
        names += [f"network {number}" for number in range(len(work["networks"]))]
        random.Random(number).shuffle(names)
        groups += [names[start : start + GROUP] for start in range(0, len(names), GROUP)]
    return groups


class _Runs:
    """Programs as things to run; PyTorch's memory layout is chosen once, on a whole network."""

    def __init__(self, work: dict[str, Any], device: str, threads: int, found: Device) -> None:
        self._work, self._device, self._threads = work, device, threads
        self._weights = None if found.kind != "onnxruntime" else random_weights()
        self.layout = "the runtime's own"
        if found.kind != "onnxruntime":
            program = items_of(work)["network 0"]
            with torch_threads(threads):
                plain, other = self._torch(program, False), self._torch(program, True)
                self.layout = faster_layout(plain, other)

    def run_of(self, program: Program) -> Run:
        """The program, ready to run."""
        shape = (self._work["batch"], *program["input"])
        if self._weights is None:
            return self._torch(program, self.layout == "channels-last")
        from nas.latency.onnx_bytes import onnx_bytes

        model = onnx_bytes(program, self._weights, self._work["batch"])
        return onnx_run(model, shape, self._threads)

    def _torch(self, program: Program, channels_last: bool) -> Run:
        from nas.latency.torch_program import torch_module

        shape = (self._work["batch"], *program["input"])
        return torch_run(torch_module(program), shape, self._device, channels_last=channels_last)


def _started(
    work: dict[str, Any],
    path: Path,
    device: Device,
    clock: str,
    size: tuple[int, int],
    cores: int,
) -> dict[str, Any]:
    """What `path` holds of this work on this device, or the beginning of it."""
    fresh: dict[str, Any] = {
        "schema": WORK_SCHEMA,
        "work": work,
        "work_digest": work_digest(work),
        "device": device.to_dict(),
        "cores": cores,
        "clock": clock,
        "passes": size[0],
        "rounds": size[1],
        "groups_done": 0,
        "readings": {},
        "load_averages": [],
    }
    if not path.is_file():
        return fresh
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        same = before["work_digest"] == fresh["work_digest"]
        where = Device.from_dict(before["device"])
        before_size = (before["passes"], before["rounds"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{path} holds no results; move it away") from None
    if not same:
        raise ValueError(f"{path} holds results of another work file; move it away")
    if where != device:
        raise ValueError(
            f"{path} was begun with {where.describe()}, this is {device.describe()}; "
            "move it away to begin anew"
        )
    if before_size != size:
        raise ValueError(
            f"{path} was begun with {before_size[0]} passes of {before_size[1]} rounds, not "
            f"{size[0]} of {size[1]}; go on with those, or move it away"
        )
    return before


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write beside and rename, so that a kill leaves the old file or the new one."""
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        neighbour.write_text(json.dumps(content) + "\n", encoding="utf-8")
        neighbour.replace(path)
    finally:
        neighbour.unlink(missing_ok=True)
