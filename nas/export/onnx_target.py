"""`--to onnx`: one file for onnxruntime and other runtimes, with a free batch size."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import one_line
from nas.export.errors import ExportError
from nas.export.subject import Subject
from nas.export.written import Written
from nas.files import write_bytes_atomic

FILE = "model.onnx"
TOLERANCE = 1e-4
INPUT, OUTPUT = "images", "logits"
# A protobuf cannot be larger; the weights would have to go into a file of their own.
_LARGEST_BYTES = 2_000_000_000
_NEEDED = ("onnx", "onnxscript", "onnxruntime")


def write_onnx(subject: Subject, folder: Path) -> Written:
    """`model.onnx`: images (N, C, px, px) to logits, N free and px fixed.

    Raises: ExportError, in one line, where a package is absent or torch cannot trace a block.
    """
    onnx, _, runtime = (_require(name) for name in _NEEDED)
    model = _traced(subject)
    for name, value in _metadata(subject).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value
    content = model.SerializeToString()
    if len(content) > _LARGEST_BYTES:
        raise ExportError(
            f"the network takes {len(content):,} bytes, and an ONNX file holds 2 GB; --to pytorch "
            "has no such limit"
        )
    onnx.checker.check_model(content)
    write_bytes_atomic(folder / FILE, content)
    files = {FILE: "the network with its weights, any batch size"}
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    return Written(files, _session(runtime, folder / FILE), TOLERANCE, (f"ONNX opset {opset}",))


def _traced(subject: Subject) -> Any:
    spec = subject.spec
    # Two, because torch takes a batch of one for a constant.
    images = torch.zeros(2, spec.in_channels, spec.resolution, spec.resolution)
    try:
        with _silence():
            program = torch.onnx.export(
                subject.network,
                (images,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
    except Exception as error:
        # Whatever a plug-in's block does, torch refuses it with an error of its own choice.
        raise ExportError(
            f"torch cannot write {subject.name} as ONNX: {one_line(error)}; --debug shows where"
        ) from error
    assert program is not None
    return program.model_proto


def _session(runtime: Any, path: Path) -> Callable[[Tensor], Tensor]:
    """Onnxruntime on the CPU, as a function of images."""
    options = runtime.SessionOptions()
    # Two quiet threads at most: a check need not take the machine.
    options.intra_op_num_threads = min(2, torch.get_num_threads())
    options.log_severity_level = 3
    session = runtime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )

    def run(images: Tensor) -> Tensor:
        (logits,) = session.run([OUTPUT], {INPUT: images.numpy()})
        return torch.from_numpy(logits)

    return run


def _metadata(subject: Subject) -> dict[str, str]:
    """What a reader of the file alone must know; config.json has it too."""
    from nas.export.description import normalisation

    content = {
        "name": subject.name,
        "digest": subject.spec.digest(),
        "weights": subject.weights,
        "normalisation": json.dumps(normalisation(subject)),
    }
    if subject.class_names is not None:
        content["class_names"] = json.dumps(list(subject.class_names), ensure_ascii=False)
    return content


def _require(name: str) -> Any:
    try:
        module = importlib.import_module(name)
    except ImportError:
        raise ExportError(
            f"--to onnx needs {', '.join(_NEEDED[:-1])} and {_NEEDED[-1]}, and {name} is not "
            "installed; pip install 'compound-nas[export]'"
        ) from None
    if name == "onnxruntime":
        module.disable_telemetry_events()
    return module


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter reports its steps on stdout and warns of its own insides."""
    logger = logging.getLogger("torch.onnx")
    others = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir")]
    levels = [each.level for each in (logger, *others)]
    try:
        for each in (logger, *others):
            each.setLevel(logging.ERROR)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip((logger, *others), levels, strict=True):
            each.setLevel(level)
