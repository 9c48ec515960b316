"""Is a search by training worth it? Found network against scaled B0 and MobileNets, five seeds.

    python -m benchmarks.trained_search run --data DIR --out FOLDER
    python -m benchmarks.trained_search run --data DIR --out FOLDER --small
    python -m benchmarks.trained_search run --form mini-imagenet --data PACKS/NAME --out FOLDER
    python -m benchmarks.trained_search report --out FOLDER --results docs/results/NAME

`run` searches (`nas search --data DIR --target-flops 20M`), then trains the found network and its
rivals of at most as many FLOPs from scratch on all training images, with the same recipe and seeds,
and measures each once on the test images. DIR holds train/ and test/ (CIFAR-10: its published
files, or a folder of them), or is an image pack's name (`NAME-train.npz` and imgpack.py in its
folder), which is unpacked into FOLDER. It stops by itself after `--minutes` with exit code 3 and
goes on where it was when it is started again; 0 says that all is done. `--form mini-imagenet` is
for 100 classes at 64 px (the pack `miniimagenet64-lite`): 50M FLOPs. `--small` is the CPU form of
either: 5M or 8M FLOPs, few networks, short trainings, of a pack a few images a class. `report`
writes NAME.md and NAME.json: accuracies, and paired differences (same seed) with Student's
intervals at 95 %.
"""

from __future__ import annotations

import json
import math
import os
import signal
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.training.packs import is_pack, unpack
from benchmarks.training.pieces import (
    OutOfTimeError,
    arguments_of_pieces,
    end_unfinished,
    machine,
    run_nas,
)
from nas.archs import read_network
from nas.cost import network_cost
from nas.data.images import DataSet
from nas.data.opening import open_data
from nas.data.resolution import stored_px
from nas.files import write_text_atomic
from nas.runs.records import versions
from nas.spec import ArchSpec
from nas.trust.alternatives import alternatives
from nas.units import format_count

FOUND = "found"


@dataclass(frozen=True)
class Plan:
    """What is done; recorded, so that all pieces are of one plan."""

    target_flops: int = 20_000_000
    trials: int = 60
    search_epochs: int = 15
    final_epochs: int = 60
    batch: int | None = None
    seeds: int = 5
    resolution: int | None = None
    device: str | None = None
    per_class: int = 0


# by form: the plan, and its CPU form. per_class: images that are taken of a pack, 0 is all.
FORMS = {
    "cifar": (Plan(), Plan(5_000_000, 8, 3, 4, 64, 3, None, "cpu")),
    "mini-imagenet": (
        Plan(50_000_000, 60, 15, 60, 128, 5, 64),
        Plan(8_000_000, 4, 2, 2, 64, 2, 64, "cpu", 20),
    ),
}


def run(data: str, out: Path, plan: Plan, minutes: float) -> None:
    """One piece. Raises: OutOfTimeError where there is more to do."""
    deadline = time.monotonic() + 60 * minutes
    recorded = out / "plan.json"
    document = {"data": data, **asdict(plan)}
    if recorded.exists() and json.loads(recorded.read_text()) != document:
        sys.exit(f"{out} is of another plan ({recorded}); use another --out")
    write_text_atomic(recorded, json.dumps(document, indent=2) + "\n")
    if is_pack(data):
        place = out / "data" / Path(data).name
        unpack(Path(data).parent, Path(data).name, place, per_class=plan.per_class)
        data = str(place)
    search(data, out / "search", plan, deadline)
    found = read_network(out / "search" / "best.json")
    images = open_data(data)
    rivals = alternatives(
        plan.target_flops, resolution=found.resolution, classes=len(images.classes)
    )
    networks = {FOUND: found} | {r.name: r.arch for r in rivals if r.arch is not None}
    write_text_atomic(
        out / "networks.json",
        json.dumps(
            {
                "networks": {name: arch.to_dict() for name, arch in networks.items()},
                "left_out": {r.name: r.reason for r in rivals if r.arch is None},
            }
        ),
    )
    # All networks with one seed, then the next: what there is can be compared at any time.
    for seed in range(plan.seeds):
        for name, arch in networks.items():
            final_training(images, out, plan, name, arch, seed, deadline)


def search(data: str, folder: Path, plan: Plan, deadline: float) -> None:
    """The search, as a person types it; interrupted when the time is up."""
    if (folder / "best.json").exists():
        return
    arguments = ["search", "--data", data, "--target-flops", str(plan.target_flops)]
    arguments += ["--trials", str(plan.trials), "--epochs", str(plan.search_epochs)]
    arguments += ["--trust", "0", "--out", str(folder)]
    options = {
        "--batch": plan.batch,
        "--resolution": plan.resolution,
        "--device": plan.device,
    }
    run_nas(arguments, options, deadline)


def final_training(
    data: DataSet, out: Path, plan: Plan, name: str, arch: ArchSpec, seed: int, deadline: float
) -> None:
    """Train on all training images, measure once on the test images, note the result."""
    from nas.data.streaming import pixel_source
    from nas.model import build
    from nas.training.loop import EpochReport, evaluate, train
    from nas.training.recipe import load_recipe

    finals = out / "finals.jsonl"
    done = [json.loads(line) for line in finals.read_text().splitlines()] if finals.exists() else []
    if any(row["network"] == name and row["seed"] == seed for row in done):
        return
    if data.test is None:
        sys.exit(f"{data.name} has no test images; give a folder with train/ and test/")
    recipe = load_recipe("short", epochs=plan.final_epochs, batch_size=plan.batch)
    px = stored_px(data.train, arch.resolution)
    network = build(arch, seed=seed)
    folder = out / "training" / f"{arch.digest()[:16]}-{seed}"
    over = False

    def observe(epoch: EpochReport) -> bool:
        nonlocal over
        over = time.monotonic() > deadline and epoch.epoch < recipe.epochs
        if over:
            # As a signal does: saved, and gone on with later.
            os.kill(os.getpid(), signal.SIGTERM)
        return False

    pixels = pixel_source(data.train, None, px, report=data.problems)
    try:
        result = train(
            network,
            pixels,
            None,
            recipe,
            resolution=arch.resolution,
            seed=seed,
            device=plan.device,
            folder=folder,
            observe=observe,
        )
    except KeyboardInterrupt:
        if over:
            raise OutOfTimeError from None
        raise
    measured = pixel_source(data.test, None, px, report=data.problems)
    judged = evaluate(network, measured, resolution=arch.resolution, device=plan.device)
    row = {"network": name, "seed": seed, "top1": judged.top1, "seconds": result.seconds}
    with finals.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(f"{name}, seed {seed}: {100 * judged.top1:.2f} % ({result.seconds:.0f} s)", flush=True)


def paired(one: dict[int, float], other: dict[int, float]) -> tuple[float, float | None, int]:
    """Mean difference over common seeds, half of its 95 % interval, and how many seeds."""
    from scipy.stats import t

    values = [one[seed] - other[seed] for seed in one if seed in other]
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return mean, None, count
    half = float(t.ppf(0.975, count - 1)) * statistics.stdev(values) / math.sqrt(count)
    return mean, half, count


def report(out: Path, results: Path) -> None:
    """Write the tables."""
    plan = json.loads((out / "plan.json").read_text())
    rows = [json.loads(line) for line in (out / "finals.jsonl").read_text().splitlines()]
    stored = json.loads((out / "networks.json").read_text())
    best = json.loads((out / "search" / "best.json").read_text())
    top1: dict[str, dict[int, float]] = {}
    for row in rows:
        top1.setdefault(row["network"], {})[row["seed"]] = row["top1"]
    networks = {n: ArchSpec.from_dict(s) for n, s in stored["networks"].items()}
    lines = [
        "| network | FLOPs | params | px | test top-1, mean over seeds | sd | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in top1.items():
        cost, readings = network_cost(networks[name]), list(values.values())
        spread = f"{100 * statistics.stdev(readings):.2f}" if len(readings) > 1 else "-"
        lines.append(
            f"| {name} | {format_count(cost.flops)} | {format_count(cost.params)} | "
            f"{networks[name].resolution} | {100 * statistics.fmean(readings):.2f} % | {spread} | "
            f"{len(readings)} |"
        )
    compared: dict[str, Any] = {}
    lines += ["", "| found minus | points, paired by seed | 95 % interval |", "|---|---|---|"]
    for name, values in top1.items():
        if name == FOUND:
            continue
        mean, half, count = paired(top1[FOUND], values)
        shown = "-" if half is None else f"{100 * (mean - half):+.2f} to {100 * (mean + half):+.2f}"
        lines.append(f"| {name} | {100 * mean:+.2f} | {shown} |")
        compared[name] = {"difference": mean, "half_interval": half, "seeds": count}
    lines += [f"\nLeft out: {name}, because {why}." for name, why in stored["left_out"].items()]
    lines += ["", words(compared)]
    if plan["device"] == "cpu":
        lines += [
            "",
            "This small form shows that every part works and that the comparison says what it "
            "finds. So few networks and epochs are no evidence about searching.",
        ]
    table = "\n".join(lines)
    ran_on = machine(plan["device"] == "cpu", "small form")
    data = Path(plan["data"]).name
    text = (
        f"# A search by training on {data}, and its rivals\n\n"
        f"`python -m benchmarks.trained_search`; target {format_count(plan['target_flops'])} "
        f"FLOPs, {best['evaluations']} networks of {plan['search_epochs']} epochs, then "
        f"{plan['final_epochs']} epochs from scratch on all training images, recipe `short`, "
        f"measured once on the test images. Machine: {ran_on}.\n\n{table}\n"
    )
    write_text_atomic(results.with_suffix(".md"), text)
    document = {
        "plan": {**plan, "data": data},
        "machine": ran_on,
        "versions": versions(),
        "finals": rows,
        "compared": compared,
        **stored,
    }
    write_text_atomic(results.with_suffix(".json"), json.dumps(document, indent=1) + "\n")
    print(text)


def words(compared: dict[str, Any]) -> str:
    """What the differences say."""
    sides: dict[str, list[str]] = {
        "beat": [],
        "was beaten by": [],
        "differs clearly neither way from": [],
    }
    for name, found in compared.items():
        mean, half = found["difference"], found["half_interval"]
        if half is not None and mean - half > 0:
            sides["beat"].append(name)
        elif half is not None and mean + half < 0:
            sides["was beaten by"].append(name)
        else:
            sides["differs clearly neither way from"].append(name)
    said = [f"{what} {', '.join(names)}" for what, names in sides.items() if names]
    return f"The found network {'; it '.join(said)}." if said else "There is no rival."


def main() -> None:
    names = ("target_flops", "trials", "search_epochs", "final_epochs", "seeds", "per_class")
    defaults = {n: " or ".join(str(getattr(one, n)) for one, _ in FORMS.values()) for n in names}
    parser = arguments_of_pieces(__doc__, defaults, forms=list(FORMS))
    options = parser.parse_args()
    if options.action == "report":
        report(options.out, options.results)
        return
    try:
        plan = FORMS[options.form][options.small]
        given = {k: v for k, v in vars(options).items() if hasattr(plan, k) and v is not None}
        chosen = replace(plan, **given)
        run(options.data, options.out, chosen, options.minutes)
    except OutOfTimeError:
        end_unfinished()


if __name__ == "__main__":
    main()
