"""Do depth, width and resolution saturate, and does compound do better? Curves on real images.

    python -m benchmarks.scaling_studies run --data DIR --out FOLDER
    python -m benchmarks.scaling_studies run --data DIR --out FOLDER --small
    python -m benchmarks.scaling_studies report --out FOLDER --results docs/results/NAME

`run` is `nas study scaling`, baseline after baseline: EfficientNet-B0 (with width curves at the
depths and resolutions of the paper's Figure 4), MobileNetV2 and ResNet-18 at 64 px, each grown in
depth, width, resolution and compound to 1.5, 2, 3 and 4 times its FLOPs, recipe `short`, five
seeds. DIR is meant to be Imagenette at 128 px (a folder or a file of `nas data pack`), so that
four times the pixels are still there. Networks are judged on a part of the training images that
no network trains on; test images are not read. It stops by itself after `--piece-minutes` with
exit code 3 and goes on where it was when it is started again; 0 says that all is done.

`--small` is the form for a CPU, for small images (CIFAR-10 at 32 px): one MBConv network of four
blocks at 16 px, six epochs, three seeds, one process; about seven minutes of CPU. `report` writes
NAME.md, NAME.json and NAME-BASELINE.png. Which alpha, beta and gamma suit a baseline is another
measurement: the fit.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.training.pieces import arguments_of_pieces, end_unfinished, machine
from nas.files import write_bytes_atomic, write_text_atomic
from nas.runs.records import versions
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec
from nas.studies.tables import markdown_table
from nas.units import format_count

INTERRUPTED = 130


@dataclass(frozen=True)
class Study:
    """One call of `nas study scaling`. baseline: a reference, or SMALL_NAME for `small_network`."""

    baseline: str
    widths_at: str = ""


@dataclass(frozen=True)
class Plan:
    """What is done; recorded, so that all pieces are of one plan."""

    studies: tuple[Study, ...] = (
        Study("efficientnet-b0", "published"),
        Study("mobilenet-v2"),
        Study("resnet-18"),
    )
    resolution: int = 64
    resolution_multiple: int = 8
    ratios: str = "1.5,2,3,4"
    epochs: int = 20
    seeds: int = 5
    batch: int | None = None
    device: str | None = None


SMALL_NAME = "four-block-mbconv"
SMALL = Plan((Study(SMALL_NAME),), 16, 4, "1.5,2,3,4", 6, 3, 64, "cpu")


def small_network() -> ArchSpec:
    """An MBConv network that a CPU trains in seconds: 16 px, four blocks."""
    stages = tuple(
        StageSpec(
            block="mbconv", channels=channels, layers=2, kernel=3, stride=2, expand_ratio=expand
        )
        for channels, expand in ((24, 2), (48, 3))
    )
    return ArchSpec(
        stem=StemSpec(channels=16, kernel=3, stride=1),
        stages=stages,
        head=HeadSpec(channels=128),
        resolution=16,
        name="four-block MBConv",
    )


def run(data: str, out: Path, plan: Plan, minutes: float) -> bool:
    """One piece; whether all is done."""
    deadline = time.monotonic() + 60 * minutes
    recorded = out / "plan.json"
    document = json.loads(json.dumps({"data": data, **asdict(plan)}))
    if recorded.exists() and json.loads(recorded.read_text()) != document:
        sys.exit(f"{out} is of another plan ({recorded}); use another --out")
    write_text_atomic(recorded, json.dumps(document, indent=2) + "\n")
    for study in plan.studies:
        done = out / f"{study.baseline}.json"
        if done.exists():
            continue
        left = deadline - time.monotonic()
        if left <= 0 or not one_study(data, out, plan, study, done, left):
            return False
    return True


def one_study(data: str, out: Path, plan: Plan, study: Study, done: Path, seconds: float) -> bool:
    """The study, as a person types it; interrupted when the time is up."""
    baseline = study.baseline
    if baseline == SMALL_NAME:
        path = out / "network.json"
        write_text_atomic(path, small_network().to_json())
        baseline = str(path)
    arguments = ["study", "scaling", "--baseline", baseline, "--data", data, "--json"]
    arguments += ["--resolution", str(plan.resolution), "--ratios", plan.ratios]
    arguments += ["--resolution-multiple", str(plan.resolution_multiple)]
    arguments += ["--epochs", str(plan.epochs), "--seeds", str(plan.seeds)]
    arguments += ["--out", str(out / study.baseline)]
    for flag, value in (
        ("--widths-at", study.widths_at or None),
        ("--batch", plan.batch),
        ("--device", plan.device),
    ):
        arguments += [] if value is None else [flag, str(value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "nas", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        found, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.communicate()
        return False
    if process.returncode == INTERRUPTED:
        return False
    if process.returncode:
        sys.exit(process.returncode)
    write_text_atomic(done, found)
    return True


def report(out: Path, results: Path) -> None:
    """Write the page, the figures and their data."""
    plan = json.loads((out / "plan.json").read_text())
    small = plan["device"] == "cpu"
    ran_on = machine(small, "one process")
    studies = {}
    lines = [
        f"# Scaling curves on {Path(plan['data']).name}{', small form on a CPU' if small else ''}",
        "",
        f"`python -m benchmarks.scaling_studies run --data DIR{' --small' if small else ''}`; "
        f"{plan['epochs']} epochs, recipe `short`, {plan['seeds']} seeds of every network, judged "
        f"on training images that none of them saw. Machine: {ran_on}. FLOPs are "
        "multiply-adds of one image.",
    ]
    if small:
        lines += ["", SMALL_SHOWS]
    for each in plan["studies"]:
        place = out / f"{each['baseline']}.json"
        if not place.exists():
            lines += ["", f"{each['baseline']}: not done yet."]
            continue
        found = json.loads(place.read_text())
        name = f"{results.stem}-{each['baseline']}"
        lines += ["", f"## {found['baseline']}", "", *page(found, name)]
        picture = out / each["baseline"] / "figure8.png"
        write_bytes_atomic(results.with_name(f"{name}.png"), picture.read_bytes())
        # Where it was run is no result.
        studies[each["baseline"]] = {
            key: value for key, value in found.items() if key not in ("data", "command", "out")
        }
    write_text_atomic(results.with_suffix(".md"), "\n".join(lines) + "\n")
    document = {
        "plan": {**plan, "data": Path(plan["data"]).name},
        "machine": ran_on,
        "versions": versions(),
        "studies": studies,
    }
    write_text_atomic(results.with_suffix(".json"), json.dumps(document, indent=1) + "\n")


SMALL_SHOWS = (
    "This form shows that the whole way works, from networks at equal FLOPs to words with "
    "intervals. It cannot show what scales well: so small a network, so few images and epochs "
    "favour whatever learns fastest, and say nothing of trained networks or of the paper."
)


def page(found: dict[str, Any], picture: str) -> list[str]:
    """One study."""
    said = [f"- {line}" for line in (*found["headlines"], *found["warnings"])]
    headers = ("curve", "px", "FLOPs", "realised", "params", "activations", "top-1", "sd", "seeds")
    rows = []
    seen: set[str] = set()
    for point in found["points"]:
        if point["digest"] in seen:
            continue
        seen.add(point["digest"])
        mean, sd = point["accuracy_mean"], point["accuracy_sd"]
        rows.append(
            (
                "baseline" if point["nominal_ratio"] == 1 else point["curve"],
                str(point["resolution_px"]),
                format_count(point["flops"]),
                f"{point['realised_ratio']:.2f}x",
                format_count(point["params"]),
                format_count(point["activations"]),
                "failed" if mean is None else f"{100 * mean:.2f} %",
                "-" if sd is None else f"{100 * sd:.2f}",
                str(point["seeds"]),
            )
        )
    drawn = f"![Accuracy against FLOPs of single dimensions and compound]({picture}.png)"
    return [*said, "", drawn, "", *markdown_table(headers, rows)]


def main() -> None:
    numbers = {name: getattr(Plan(), name) for name in ("epochs", "seeds")}
    parser = arguments_of_pieces(__doc__, numbers, "--piece-minutes")
    options = parser.parse_args()
    if options.action == "report":
        report(options.out, options.results)
        return
    given = {name: getattr(options, name) for name in numbers}
    plan = replace(
        SMALL if options.small else Plan(),
        **{name: value for name, value in given.items() if value is not None},
    )
    if not options.small:
        import torch

        if not torch.cuda.is_available():
            sys.exit("there is no CUDA GPU here; --small is the form for a CPU")
    if not run(options.data, options.out, plan, options.piece_minutes):
        end_unfinished()


if __name__ == "__main__":
    main()
