"""From trained networks to the arrays of the model file."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.evaluators.imagenet_model import ImagenetModel, positions
from tools.imagenet_predictor.devices import fit_device
from tools.imagenet_predictor.gaussian_process import CEILING, SCALE, fit_teacher, to_latent
from tools.imagenet_predictor.stage_costs import StageCosts
from tools.imagenet_predictor.student import fit_student, network_points
from tools.imagenet_predictor.table import DEVICES, Table

Arrays = dict[str, NDArray[Any]]


def fit(table: Table, costs: StageCosts, seed: int) -> Arrays:
    """Fit accuracy and devices; everything that looks at labels happens in here.

    The result lacks the quality figures: `with_quality` adds them.
    """
    points = network_points(table.codes, costs)
    places = positions(table.codes)
    latent = to_latent(table.top1)
    teacher = fit_teacher(points, places, latent, seed)
    student = fit_student(teacher, table.codes, costs, seed)
    noise = teacher.noise
    arrays: Arrays = {
        "link": np.array([CEILING, SCALE]),
        "noise": noise.weights,
        "flops_constant": np.array(costs.flops_constant),
        "flops_stages": costs.flops_stages,
        "params_constant": np.array(costs.params_constant),
        "params_stages": costs.params_stages,
        "anchors": student.anchors.astype(np.uint8),
        "inverse_lengths": student.inverse_lengths,
        "quadratic": student.quadratic,
        "kernel_weights": student.kernel_weights,
        "distillation_variance": np.array(student.distillation_variance),
        "fitted_ids": table.ids.astype(np.uint16),
    }
    arrays |= _device_arrays(table)
    spread = np.sqrt(noise.variance(latent, places, points)) * np.exp(-latent / SCALE)
    return with_quality(arrays, {"noise_sd": float(np.sqrt((spread**2).mean()) / 100)})


def model(arrays: Arrays) -> ImagenetModel:
    """The model that a reader of the file gets: what is judged is what is shipped."""
    return ImagenetModel(_as_shipped(arrays))


def with_quality(arrays: Arrays, quality: dict[str, Any]) -> Arrays:
    """The arrays with `quality` added to their metadata."""
    known = json.loads(str(arrays["metadata"])) if "metadata" in arrays else {}
    return arrays | {"metadata": np.array(json.dumps(known | quality, sort_keys=True))}


def write(arrays: Arrays, path: Path) -> None:
    """Write the .npz so that equal arrays give equal bytes: no time stamps, fixed order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in sorted(_as_shipped(arrays).items()):
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED
            )


# Costs are exact integers beyond float32; the rest is far more exact in it than it is right.
_EXACT = ("flops_constant", "flops_stages", "params_constant", "params_stages", "device_scale")


def _as_shipped(arrays: Arrays) -> Arrays:
    return {
        name: array.astype(np.float32)
        if array.dtype == np.float64 and name not in _EXACT
        else array
        for name, array in arrays.items()
    }


def _device_arrays(table: Table) -> Arrays:
    models = [
        fit_device(name, table.codes, table.speed[:, column]) for column, name in enumerate(DEVICES)
    ]
    fields = ("constant", "times", "shortest", "polynomial", "linear", "pairs", "scale")
    return {"device_names": np.array(DEVICES)} | {
        f"device_{field}": np.array([getattr(one, field) for one in models]) for field in fields
    }
