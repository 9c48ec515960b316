"""Does compound scaling pay at this size? The fit on real images, then its members and rivals.

    python -m benchmarks.scaling_evidence run --data DIR --out FOLDER
    python -m benchmarks.scaling_evidence run --data DIR --out FOLDER --small
    python -m benchmarks.scaling_evidence report --out FOLDER --results docs/results/NAME

`run` fits alpha, beta and gamma of B0 at 64 px (`nas fit-scaling`: every network within 10 % of
twice the FLOPs, halving to four seeds, two lengths of training). At phi 1 and 2, about two and four
times the FLOPs, it then sets the fitted member beside those of the published coefficients, of
`fast`, and of depth, width and resolution alone, within 5 % of equal realised FLOPs and at no more
pixels than the images have; all are trained from scratch on all training images, with the same
recipe and seeds, and measured once on the test images. Then MobileNetV2 and ResNet-18 by the
published coefficients and by single dimensions. DIR holds train/ and test/ (Imagenette-128:
unpacked as PNG or JPEG).

It stops by itself after `--minutes` with exit code 3 and goes on where it was when it is started
again; 0 says that all is done. `--small` is the CPU form: images of 32 px, B0 of half the width at
16 px, minutes of training; it shows that every part works and is no evidence. `report` writes
NAME.md and NAME.json of what there is.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import scaling_report, trained_search
from benchmarks.scaling_members import Rivals, rivals
from benchmarks.trained_search import final_training
from benchmarks.training.pieces import (
    OutOfTimeError,
    arguments_of_pieces,
    end_unfinished,
    run_nas,
)
from nas.archs import find_network
from nas.cost import network_cost
from nas.data.opening import open_data
from nas.data.resolution import typical_shorter_px
from nas.files import write_text_atomic
from nas.scaling.coefficient_files import read_coefficients
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.rules import RULES
from nas.scaling.transform import scale
from nas.spec import ArchSpec

SINGLE = ("width", "depth", "resolution")


@dataclass(frozen=True)
class Plan:
    """What is done; recorded, so that all pieces are of one plan."""

    resolution: int = 64
    width: float = 1.0
    tolerance: str = "10%"
    fit_epochs: str = "20,60"
    fit_seeds: int = 4
    fit_subset: int | None = None
    final_epochs: int = 60
    batch: int | None = None
    seeds: int = 5
    doublings: tuple[int, ...] = (1, 2)
    others: tuple[str, ...] = ("mobilenet-v2", "resnet-18")
    device: str | None = None


SMALL = Plan(16, 0.5, "10%", "2,5", 2, 600, 4, 64, 3, (1, 2), (), "cpu")


def run(data: str, out: Path, plan: Plan, minutes: float) -> None:
    """One piece. Raises: OutOfTimeError where there is more to do."""
    deadline = time.monotonic() + 60 * minutes
    recorded = out / "plan.json"
    document = json.loads(json.dumps({"data": data, **asdict(plan)}))
    if recorded.exists() and json.loads(recorded.read_text()) != document:
        sys.exit(f"{out} is of another plan ({recorded}); use another --out")
    write_text_atomic(recorded, json.dumps(document, indent=2) + "\n")
    images = open_data(data)
    classes, largest_px = len(images.classes), typical_shorter_px(images.train)
    baseline = starting_network("efficientnet-b0", plan, classes)
    write_text_atomic(out / "baseline.json", baseline.to_json())
    fit(data, out, plan, deadline)
    fitted = {"fitted": read_coefficients(out / "fit")}
    known = {name: RULES[name].coefficients for name in ("fast", *SINGLE)}
    groups = group(baseline, {**fitted, "published": PAPER, **known}, plan, largest_px)
    single = {"published": PAPER, **{name: RULES[name].coefficients for name in SINGLE}}
    for name in plan.others:
        groups |= group(starting_network(name, plan, classes), single, plan, largest_px)
    write_text_atomic(out / "networks.json", json.dumps(groups_document(groups)) + "\n")

    networks = {
        arch.digest(): arch for found in groups.values() for arch in found.networks.values()
    }
    finals = trained_search.Plan(
        final_epochs=plan.final_epochs, batch=plan.batch, device=plan.device
    )
    # All networks with one seed, then the next: what there is can be compared at any time.
    for seed in range(plan.seeds):
        for digest, arch in networks.items():
            final_training(images, out, finals, digest, arch, seed, deadline)


def starting_network(name: str, plan: Plan, classes: int) -> ArchSpec:
    """A reference network at the plan's width and pixels."""
    reference = find_network(name)
    arch = reference if plan.width == 1 else scale(reference, width=plan.width)
    title = name if plan.width == 1 else f"{name} at {plan.width:g} of its width"
    return dataclasses.replace(arch, resolution=plan.resolution, classes=classes, name=title)


def fit(data: str, out: Path, plan: Plan, deadline: float) -> None:
    """The fit, as a person types it; interrupted when the time is up."""
    folder = out / "fit"
    if (folder / "coefficients.json").exists():
        return
    words = ["fit-scaling", "--baseline", str(out / "baseline.json"), "--data", data]
    words += ["--tolerance", plan.tolerance, "--epochs", plan.fit_epochs]
    words += ["--seeds", str(plan.fit_seeds), "--out", str(folder)]
    options = {"--subset": plan.fit_subset, "--batch": plan.batch, "--device": plan.device}
    run_nas(words, options, deadline)


def group(
    baseline: ArchSpec, rules: dict[str, ScalingCoefficients], plan: Plan, largest_px: int
) -> dict[str, Rivals]:
    """The rivals of one baseline, by how they are called in tables."""
    return {
        f"{baseline.name}, phi {doubling}": rivals(baseline, rules, 2.0**doubling, largest_px)
        for doubling in plan.doublings
    }


def groups_document(groups: dict[str, Rivals]) -> dict[str, object]:
    """The networks as plain values."""
    return {
        name: {
            "ratio": found.ratio,
            "left_out": dict(found.left_out),
            "networks": {
                rule: {
                    "digest": arch.digest(),
                    "flops": network_cost(arch).flops,
                    "params": network_cost(arch).params,
                    "arch": arch.to_dict(),
                }
                for rule, arch in found.networks.items()
            },
        }
        for name, found in groups.items()
    }


def main() -> None:
    names = ("final_epochs", "seeds")
    parser = arguments_of_pieces(__doc__, {name: getattr(Plan(), name) for name in names})
    options = parser.parse_args()
    if options.action == "report":
        scaling_report.write(options.out, options.results)
        return
    plan = SMALL if options.small else Plan()
    given = {k: v for k, v in vars(options).items() if hasattr(plan, k) and v is not None}
    try:
        run(options.data, options.out, replace(plan, **given), options.minutes)
    except OutOfTimeError:
        end_unfinished()


if __name__ == "__main__":
    main()
