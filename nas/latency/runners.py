"""A network as something that can be run and timed: PyTorch's CPU, a CUDA graph, onnxruntime.

Imports torch or onnxruntime only when asked for it; part of the stand-alone script.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from nas.latency.machine import Device, processor_name
from nas.latency.timing import LEAST_ROUNDS, Pace, Run, interleave

WARM_UP_RUNS = 3
"""Runs before a CUDA graph is captured; cuDNN tries its kernels in them and keeps the fastest."""


def onnx_run(model: bytes, shape: tuple[int, ...], threads: int) -> Run:
    """An ONNX model on onnxruntime's CPU, fed with one input of `shape`."""
    import numpy

    onnxruntime = _onnxruntime()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32)
    feed = {session.get_inputs()[0].name: images}

    def run(count: int) -> None:
        for _ in range(count):
            session.run(None, feed)

    return run


def _onnxruntime() -> Any:
    module = importlib.import_module("onnxruntime")
    module.disable_telemetry_events()
    return module


def torch_run(module: Any, shape: tuple[int, ...], device: str, *, channels_last: bool) -> Run:
    """A module in eval mode on PyTorch's CPU, or on a GPU as one CUDA graph."""
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    with torch.no_grad():
        module = module.eval().to(device=device, memory_format=layout)
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(shape, generator=generator).to(device=device, memory_format=layout)
    if torch.device(device).type == "cuda":
        return _graphed(module, images)

    def run(count: int) -> None:
        with torch.inference_mode():
            for _ in range(count):
                module(images)

    return run


def _graphed(module: Any, images: Any) -> Run:
    """A replay launches all kernels at once, so that the time is the GPU's, not Python's.

    As torch's notes on CUDA semantics ask for: warm-up on a side stream, then capture.
    """
    import torch

    device = images.device
    with torch.no_grad(), torch.cuda.device(device), _fastest_kernels():
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                module(images)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # The stream that torch would capture on belongs to the first GPU that was ever captured on.
        with torch.cuda.graph(graph, stream=stream):
            output = module(images)

    def run(count: int, kept: Any = (module, images, output)) -> None:
        # `kept`: a graph holds addresses, so what lies there must stay.
        with torch.cuda.device(device):
            for _ in range(count):
                graph.replay()
            torch.cuda.synchronize()

    return run


@contextlib.contextmanager
def _fastest_kernels() -> Iterator[None]:
    """Let cuDNN try its kernels, which it may not do during a capture."""
    import torch

    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def faster_layout(plain: Run, channels_last: Run) -> str:
    """Which of two memory layouts of one network is faster here, by a few interleaved rounds."""
    # Long enough for a fast network's reading to be more than a synchronisation.
    pace = Pace(rounds=LEAST_ROUNDS, reading_seconds=0.001)
    one, other = interleave([plain, channels_last], pace)
    return "channels-last" if min(other) < min(one) else "contiguous"


@contextlib.contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let PyTorch compute with so many threads, and as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe_device(kind: str, threads: int) -> Device:
    """What networks run on here: `kind` is cpu, cuda (cuda:1) or onnxruntime.

    Raises: RuntimeError where there is no such GPU.
    """
    import platform

    system = f"{platform.system()} {platform.machine()}"
    if kind == "onnxruntime":
        onnxruntime = _onnxruntime()
        libraries = (("onnxruntime", onnxruntime.__version__),)
        return Device(kind, processor_name(), threads, system, libraries)
    import torch

    torch_version = ("torch", str(torch.__version__))
    if torch.device(kind).type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (torch.device(kind).index or 0) >= count:
            raise RuntimeError(f"there is no device '{kind}': torch finds {count} CUDA GPUs")
        versions = (torch_version, ("CUDA", str(torch.version.cuda)))
        return Device("cuda", torch.cuda.get_device_name(kind), threads, system, versions)
    return Device(kind, processor_name(), threads, system, (torch_version,))
