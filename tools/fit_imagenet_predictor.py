"""Fit the packaged ImageNet predictor and judge it.

    python tools/fit_imagenet_predictor.py accel_nasbench.csv.gz --cross-validate

DATA is that table (4,133 trained networks) or Accel-NASBench's `anb_dataset_jsons.tar.gz`, of which
only the rows of the packaged model are fitted unless `--rows all` is given: the rest is a test set,
and `--test` judges the model that is at --out on it. Needs the extra `bench`. One core: 3 minutes,
with --cross-validate 20 to 30.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

# One thread: the same sums in the same order on every run. Must be set before numpy is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from nas.evaluators.imagenet_model import ImagenetModel
from nas.files import write_text_atomic
from tools.imagenet_predictor import pipeline
from tools.imagenet_predictor.boosting import best_boosting
from tools.imagenet_predictor.cross_validation import HeldOut, cross_validate, quality_of
from tools.imagenet_predictor.quality import FOLDS, folds
from tools.imagenet_predictor.report import quality_lines
from tools.imagenet_predictor.stage_costs import StageCosts, check_costs, stage_costs
from tools.imagenet_predictor.table import DEVICES, Table, read_table

# Counts changes of the pipeline that change its answers; in the file's metadata.
VERSION = 1
REPOSITORY = Path(__file__).resolve().parents[1]
MODEL = REPOSITORY / "nas" / "evaluators" / "data" / "imagenet_predictor.npz"
RESULTS = REPOSITORY / "docs" / "results" / "imagenet_predictor.json"


def main() -> None:
    """Read the command line, fit or test, write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="table or upstream archive")
    parser.add_argument("--out", type=Path, default=MODEL, help="model file (.npz)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="figures (.json)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rows",
        choices=("packaged", "all"),
        default="packaged",
        help="which rows of an archive to fit (default: those of the packaged model)",
    )
    parser.add_argument("--cross-validate", action="store_true", help="measure the quality")
    parser.add_argument(
        "--test", action="store_true", help="fit nothing; judge --out on rows it never saw"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    costs = stage_costs()
    table = read_table(options.data)
    check_costs(costs, table)
    if options.test:
        test(options.out, table, costs)
        return
    if options.rows == "packaged" and MODEL.exists():
        table = table.rows(np.isin(table.ids, ImagenetModel.load(MODEL).fitted_ids))
    started = time.perf_counter()
    arrays = pipeline.fit(table, costs, options.seed)
    record: dict[str, Any] = {
        "command": shlex.join(["python", "tools/fit_imagenet_predictor.py", *_shown(sys.argv[1:])]),
        "version": VERSION,
        "seed": options.seed,
        "source": table.source,
        "source_sha256": table.sha256,
        "networks": len(table),
        "seconds_fit": round(time.perf_counter() - started, 1),
    }
    print(f"fitted {len(table)} networks in {record['seconds_fit']:.0f} s")
    facts = {key: record[key] for key in ("version", "seed", "networks", "source_sha256")}
    if options.cross_validate:
        record |= _cross_validated(table, costs, options.seed)
        facts["cross_validation"] = record["cross_validation"]
        text = json.dumps(record, indent=2, sort_keys=True) + "\n"
        write_text_atomic(options.results, text)
        print("\n".join(quality_lines(record)))
    elif options.out.exists():
        # A refit keeps the figures that were measured for the same rows and version.
        before = ImagenetModel.load(options.out).quality
        if all(before.get(key) == value for key, value in facts.items()):
            facts["cross_validation"] = before.get("cross_validation")
    pipeline.write(pipeline.with_quality(arrays, facts), options.out)
    print(f"wrote {options.out} ({options.out.stat().st_size / 1000:.0f} KB)")


def test(path: Path, table: Table, costs: StageCosts) -> None:
    """Print the quality of a model file on the rows of `table` that it was not fitted on.

    Raises: SystemExit where there are none.
    """
    model = ImagenetModel.load(path)
    seen = {tuple(row) for row in table.codes[np.isin(table.ids, model.fitted_ids)].tolist()}
    fresh = table.rows(np.array([tuple(row) not in seen for row in table.codes.tolist()]))
    if not len(fresh):
        raise SystemExit(f"{path} was fitted on every network of {table.source}; nothing to test")
    mean, deviation = 100 * np.stack(model.predict(fresh.codes))
    speed = np.stack([model.predict_device(name, fresh.codes) for name in DEVICES], axis=1)
    judged = HeldOut(mean, deviation, speed, seconds=0.0)
    print(json.dumps(quality_of(judged, fresh, costs), indent=2))


def _cross_validated(table: Table, costs: StageCosts, seed: int) -> dict[str, Any]:
    held_out = cross_validate(table, costs, seed)
    started = time.perf_counter()
    boosting = best_boosting(table, folds(table, seed), costs, seed)
    return {
        "folds": FOLDS,
        "cross_validation": quality_of(held_out, table, costs),
        "seconds_cross_validation": round(held_out.seconds, 1),
        "gradient_boosting": boosting,
        "seconds_gradient_boosting": round(time.perf_counter() - started, 1),
    }


def _shown(arguments: list[str]) -> list[str]:
    """Arguments with folders taken off: a committed file names no machine's places."""
    return [Path(word).name if "/" in word else word for word in arguments]


if __name__ == "__main__":
    main()
