"""Reads the trained networks: the four-fifths table, or the upstream archive of JSON files."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.evaluators.imagenet_model import COLUMNS, positions

DEVICES = (
    "thr_a100",
    "thr_3090",
    "thr_tpuv2",
    "thr_tpuv3",
    "thr_zcu102",
    "thr_vck190",
    "lat_zcu102",
    "lat_vck190",
)
# Ids count the trainings in order; the batches were sampled differently and follow each other.
FIRST_ID_OF_BATCH = {"A": 0, "B": 1795, "C": 4000}
MEMBER = re.compile(r"(?:^|/)result_(\d+)\.json$")


@dataclass(frozen=True)
class Table:
    """Trained networks in the order of their ids; n rows.

    top1: percent. flops: multiply-adds of convolution and linear layers at 224 px, NaN where the
    source has none. params: number. speed: images/s or ms, a column for each of `DEVICES`, NaN
    where none was measured. batch: collection phase A, B or C. sha256: of the file that was read.
    """

    ids: NDArray[np.int64]
    codes: NDArray[np.int64]
    top1: NDArray[np.float64]
    flops: NDArray[np.float64]
    params: NDArray[np.float64]
    speed: NDArray[np.float64]
    batch: NDArray[np.str_]
    source: str
    sha256: str

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, chosen: NDArray[Any]) -> Table:
        """The rows that a mask or index array chooses."""
        arrays = [field.name for field in fields(self) if field.name not in ("source", "sha256")]
        return replace(self, **{name: getattr(self, name)[chosen] for name in arrays})

    def networks(self) -> NDArray[np.int64]:
        """A number for each row, equal where the network is the same."""
        return np.unique(self.codes, axis=0, return_inverse=True)[1].reshape(-1)


def read_table(path: Path) -> Table:
    """Read the .csv.gz table or the upstream `anb_dataset_jsons.tar.gz`.

    Raises: ValueError where the file is neither or a row is outside the space.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    frame = _frame_of_archive(path) if tarfile.is_tarfile(path) else _frame_of_csv(path)
    frame = frame.sort_values("id", kind="stable")
    ids = frame["id"].to_numpy(np.int64)
    codes = frame[list(COLUMNS)].to_numpy(np.int64)
    positions(codes)
    starts = list(FIRST_ID_OF_BATCH.values())
    names = np.array(list(FIRST_ID_OF_BATCH))
    return Table(
        ids=ids,
        codes=codes,
        top1=frame["top1"].to_numpy(float),
        flops=frame["macs_conv_linear_M"].to_numpy(float) * 1e6,
        params=frame["params_M"].to_numpy(float) * 1e6,
        speed=frame[list(DEVICES)].to_numpy(float),
        batch=names[np.searchsorted(starts, ids, side="right") - 1],
        source=path.name,
        sha256=digest,
    )


def _frame_of_csv(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path)
    missing = {"id", "top1", *COLUMNS, *DEVICES} - set(frame.columns)
    if missing:
        raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
    return frame


def _frame_of_archive(path: Path) -> pd.DataFrame:
    records = list(_records(path))
    if not records:
        raise ValueError(f"{path} holds no result_N.json; is it anb_dataset_jsons.tar.gz?")
    return pd.DataFrame(records)


def _records(path: Path) -> Iterator[dict[str, float]]:
    """One record for each `result_N.json`, in the table's column names; N is the id."""
    with tarfile.open(path) as archive:
        for member in archive:
            match = MEMBER.search(member.name)
            stream = archive.extractfile(member) if match and member.isfile() else None
            if match and stream is not None:
                yield {"id": int(match[1]), **_record(json.load(stream))}


def _record(result: dict[str, Any]) -> dict[str, float]:
    record = {}
    for column in COLUMNS:
        kind, stage = column[:-1], column[-1]
        value = result["architecture"][f"block{stage}_{kind}"]
        # Squeeze-excite is true or false; upstream's own reader also expects the words.
        record[column] = {"True": 1, "False": 0}.get(value, value)
    record["top1"] = result["metrics"]["val_top1"]
    model = result.get("model_info", {})
    # Upstream counts batch-norm and pooling too; the fit computes its own FLOPs.
    record["macs_conv_linear_M"] = np.nan
    record["params_M"] = model.get("params", np.nan)
    for column in DEVICES:
        metric = {"thr": "throughput", "lat": "latency"}[column[:3]]
        measured = result.get("platform_perf", {}).get(f"{metric}_{column[4:]}") or {}
        value = measured.get(f"{metric}_mean")
        record[column] = np.nan if value is None else value
    return record
