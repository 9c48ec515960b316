"""A network as an ONNX model: from its program, or by torch's exporter where it has none."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import warnings
from typing import Any

from nas.errors import one_line
from nas.latency.errors import LatencyError
from nas.latency.onnx_bytes import onnx_bytes
from nas.latency.program import Weights, random_weights
from nas.latency.subjects import Subject
from nas.latency.tracing import UntracedError, program_of


def onnx_model(subject: Subject, batch: int) -> bytes:
    """The model's bytes, with random weights.

    Raises: LatencyError where neither way knows a part of the network.
    """
    import torch

    with torch.device("meta"):
        module = subject.build()
    try:
        program = program_of(module, subject.in_channels, subject.resolution_px)
    except UntracedError as error:
        return _exported(subject, batch, error)
    return onnx_bytes(program, random_weights(), batch)


def state_weights(module: Any) -> Weights:
    """A module's own weights, for a program of it."""
    tensors = module.state_dict()

    def weights(name: str, shape: tuple[int, ...]) -> Any:
        array = tensors[name].detach().cpu().numpy()
        assert array.shape == shape
        return array

    return weights


def _exported(subject: Subject, batch: int, reason: UntracedError) -> bytes:
    import torch

    for package in ("onnx", "onnxscript"):
        try:
            importlib.import_module(package)
        except ImportError:
            raise LatencyError(
                f"{reason}, and torch's exporter needs {package}; "
                "pip install 'compound-nas[export]'"
            ) from None
    side = subject.resolution_px
    images = torch.zeros(batch, subject.in_channels, side, side)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            made = torch.onnx.export(subject.build().eval(), (images,), dynamo=True, verbose=False)
    except Exception as error:
        raise LatencyError(
            f"torch cannot write {subject.name} as ONNX: {one_line(error)}"
        ) from error
    assert made is not None
    content: bytes = made.model_proto.SerializeToString()
    return content
