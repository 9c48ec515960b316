"""Images a second of a training here, against a plain loop on timm's network, in turns.

    python -m benchmarks.training_speed --out FILE              # CUDA: 60 s a candidate
    python -m benchmarks.training_speed --out FILE --cpu        # one core, short

Both train EfficientNet-B0 (ours from its spec, timm's `efficientnet_b0` with the same stochastic
depth and dropout) from uint8 images that lie on the device, with AdamW, the same batch and the same
precision. Ours is `nas.training.loop.train` with the recipe `short`: per-image crops and mirrors,
clipping, averaged weights. The plain loop only normalises, so it has less to do.

`images_per_second` counts a candidate's whole time from its network's making on, `steady` leaves
out its first epoch; `start_up_seconds` is what the candidate lost against the steady rate.
Importing and making the images are in none of them. On the CPU, seconds are the process's own on
one core, so that others at work disturb less. Each measurement is a process of its own, and arms
take turns, `--rounds` times.

Arms: ours (as `train` does it: a graph on CUDA), eager (ours without a graph), beside-N (N of ours
at once, added up), timm, timm-compiled, timm-nchw (torch's default layout, which a plain loop has
on the CPU). Stops after `--minutes`; started again, it goes on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.training.record import MINUTES, Record
from nas.archs import find_network, resized
from nas.data.pixels import Pixels
from nas.model import build
from nas.training.augment import normalise
from nas.training.loop import EpochReport, train
from nas.training.recipe import load_recipe

CLASSES = 10
STEPS_PER_EPOCH = {"cuda": 40, "cpu": 4}
CUDA_ARMS = ("ours", "eager", "beside-2", "beside-4", "timm", "timm-compiled")
CPU_ARMS = ("ours", "timm", "timm-nchw")


def random_images(count: int, px: int, device: torch.device) -> Pixels:
    """Noise: speed does not depend on what is seen."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, px, px), generator=draws, dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (count,), generator=draws)
    names = tuple(str(number) for number in range(CLASSES))
    return Pixels(images, labels, names, px, torch.arange(count)).to(device)


def measure(arm: str, px: int, batch: int, seconds: float, device: torch.device) -> dict[str, Any]:
    """One candidate, trained for `seconds`."""
    steps = STEPS_PER_EPOCH[device.type]
    clock = time.perf_counter
    if device.type == "cpu":
        torch.set_num_threads(1)
        # Others may use the machine's cores: what counts is this process's own time on one.
        clock = time.process_time
    # Imported by torch's optimisers at their first step, and by timm at once: not a candidate's.
    importlib.import_module("torch._dynamo")
    if arm.startswith("timm"):
        importlib.import_module("timm")
    pixels = random_images(steps * batch, px, device)
    if device.type == "cuda":
        torch.zeros(1, device=device).sum().item()  # the driver's own start is nobody's
    start = clock()
    ends: list[float] = []

    def over() -> bool:
        ends.append(clock() - start)
        return ends[-1] >= seconds

    if arm.startswith("timm"):
        plain_loop(arm, pixels, batch, device, over)
    else:
        our_loop(arm, pixels, px, batch, device, over)
    images = steps * batch
    first, last = ends[0], ends[-1]
    if len(ends) < 2:
        return {"failed": f"one epoch took {last:.1f} s; give it more --seconds"}
    steady = images * (len(ends) - 1) / (last - first)
    return {
        "images_per_second": round(images * len(ends) / last, 1),
        "steady": round(steady, 1),
        "start_up_seconds": round(last - images * len(ends) / steady, 2),
        "seconds": round(last, 1),
    }


def our_loop(
    arm: str,
    pixels: Pixels,
    px: int,
    batch: int,
    device: torch.device,
    over: Callable[[], bool],
) -> None:
    """`train` as anyone calls it, ended by its observer."""
    network = build(resized(find_network("efficientnet-b0"), classes=CLASSES), seed=0)
    recipe = load_recipe("short", epochs=10_000, batch_size=batch)

    def observe(report: EpochReport) -> bool:
        return over()

    train(
        network,
        pixels,
        None,
        recipe,
        resolution=px,
        seed=0,
        device=device,
        observe=observe,
        graphed=arm != "eager",
    )


def plain_loop(
    arm: str, pixels: Pixels, batch: int, device: torch.device, over: Callable[[], bool]
) -> None:
    """What one writes by hand around a network of timm."""
    import timm

    settings: dict[str, Any] = {"num_classes": CLASSES, "drop_rate": 0.2, "drop_path_rate": 0.2}
    network: nn.Module = timm.create_model("efficientnet_b0", **settings).to(device).train()
    layout = torch.contiguous_format if arm == "timm-nchw" else torch.channels_last
    network.to(memory_format=layout)
    called: Any = torch.compile(network) if arm == "timm-compiled" else network
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    while True:
        order = torch.randperm(len(pixels), device=device)
        total = torch.zeros((), device=device)
        for images, labels in pixels.batches(order, batch):
            inputs = normalise(images.float()).contiguous(memory_format=layout)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = functional.cross_entropy(called(inputs), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
        float(total)  # an epoch is over when the device is done with it
        if over():
            return


def in_processes(arm: str, px: int, batch: int, seconds: float, cuda: bool) -> dict[str, Any]:
    """Measure an arm in a process of its own, or several side by side."""
    count = int(arm.removeprefix("beside-")) if arm.startswith("beside-") else 1
    name = "ours" if count > 1 else arm
    question = json.dumps([name, px, batch, seconds, "cuda" if cuda else "cpu"])
    command = [sys.executable, "-m", "benchmarks.training_speed", "--child", question]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    answers = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        return {"failed": f"exit status {[process.returncode for process in running]}"}
    found: list[dict[str, Any]] = [json.loads(answer.splitlines()[-1]) for answer in answers]
    for one in found:
        if "failed" in one:
            return one
    added = ("images_per_second", "steady")
    return {
        name: round(sum(one[name] for one in found), 1)
        if name in added
        else max(one[name] for one in found)
        for name in found[0]
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By size: each arm's median and range, and ours over the plain loops."""
    told: dict[str, Any] = {}
    for px in sorted({row["px"] for row in rows}):
        arms: dict[str, Any] = {}
        for arm in dict.fromkeys(row["arm"] for row in rows if row["px"] == px):
            good = [r for r in rows if (r["px"], r["arm"]) == (px, arm) and "failed" not in r]
            if good:
                arms[arm] = {
                    name: statistics.median(row[name] for row in good)
                    for name in ("images_per_second", "steady", "start_up_seconds")
                }
                values = [row["images_per_second"] for row in good]
                arms[arm]["range"] = [min(values), max(values)]
        for arm in [name for name in arms if name.startswith("timm") and "ours" in arms]:
            ours = arms["ours"]
            arms[arm]["ours_over_it"] = {
                name: round(ours[name] / arms[arm][name], 2)
                for name in ("images_per_second", "steady")
            }
        told[f"{px} px"] = arms
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--cpu", action="store_true", help="small, on one core")
    parser.add_argument("--px", type=int, nargs="+", help="sides of the images")
    every = ", ".join(dict.fromkeys(CUDA_ARMS + CPU_ARMS))
    parser.add_argument("--arms", nargs="+", help=f"of {every}")
    parser.add_argument("--batch", type=int, help="images a step [128; 32 on the CPU]")
    parser.add_argument("--seconds", type=float, help="a candidate's time [60; 10 on the CPU]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="stop before this long")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        arm, px, batch, seconds, device = json.loads(arguments.child)
        print(json.dumps(measure(arm, px, batch, seconds, torch.device(device))))
        return
    cuda = not arguments.cpu
    if cuda and not torch.cuda.is_available():
        sys.exit("there is no CUDA GPU here; --cpu measures the small form on one core")
    batch = arguments.batch or (128 if cuda else 32)
    seconds = arguments.seconds or (60.0 if cuda else 10.0)
    sizes = arguments.px or ([32, 64, 96, 128, 224] if cuda else [32, 64])
    arms = arguments.arms or (CUDA_ARMS if cuda else CPU_ARMS)
    plan = {"batch": batch, "candidate_seconds": seconds, "threads": torch.get_num_threads()}
    record = Record(arguments.out, "benchmarks.training_speed", sys.argv[1:], **plan)
    stop = time.monotonic() + 60 * arguments.minutes
    for number in range(arguments.rounds):
        for px in sizes:
            for arm in arms:
                settings = {"px": px, "arm": arm, "round": number}
                if record.has(settings):
                    continue
                # A compiler's minute and torch's import come on top of the candidate's time.
                if time.monotonic() + seconds + (150 if cuda else 15) > stop:
                    print("the rest is for the next piece: start it again", flush=True)
                    return
                row = {**settings, **in_processes(arm, px, batch, seconds, cuda)}
                record.document["summary"] = summary([*record.rows, row])
                record.add(row)
                print(row, flush=True)
    record.document["summary"] = summary(record.rows)
    record.save()
    print(json.dumps(record.document["summary"], indent=1))


if __name__ == "__main__":
    main()
