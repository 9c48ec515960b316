"""Recording a CUDA graph such that a failure leaves the process able to go on.

Where an illegal call ends a capture, torch (2.9 to 2.12 at least, by its source) leaves what the
capture had changed: its stream stays the current one, the allocator takes the capture for one that
goes on and refuses to give memory back, and generators refuse to draw ("Offset increment outside
graph capture encountered unexpectedly"). `captured` puts these right. What the host must wait for
is the usual illegal call; `host_waits` finds it in an ordinary run, before anything is captured.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import torch

# torch's words, c10/cuda/CUDAFunctions.cpp.
_WAITING = "called a synchronizing CUDA operation"


@cache
def side_stream(index: int) -> torch.cuda.Stream:
    """The stream of GPU `index` that steps are warmed up and captured on, always the same.

    cuBLAS keeps a workspace (32 MiB on Hopper) for each stream that it has met, for good; so a
    stream for each training would cost a long search a gigabyte.
    """
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]


@contextmanager
def host_waits() -> Iterator[list[str]]:
    """The lines of Python in this block whose GPU operations made the host wait.

    The list is filled at the block's end; other warnings are passed on.
    """
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for warning in caught:
        text = str(warning.message)
        if _WAITING in text:
            found.append(f"{Path(warning.filename).name}, line {warning.lineno}")
        elif not text.startswith("Synchronization debug mode"):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def captured(
    work: Callable[[], None],
    stream: torch.cuda.Stream,
    generators: Sequence[torch.Generator],
) -> torch.cuda.CUDAGraph:
    """`work`'s kernels on `stream` as a graph; it has computed nothing yet.

    generators: those that `work` draws from, besides the GPU's own. `stream` must be of the current
    device. Raises: what `work` or torch raises; the caller then frees what `work` has allocated.
    """
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    pool = torch.cuda.graph_pool_handle()
    own = torch.cuda.current_stream()
    collects = gc.isenabled()
    # A collection within the capture could free another graph, which is illegal there.
    gc.disable()
    try:
        # Thread-local: a stream's loader pins memory in a thread of its own, and with torch's
        # default that would end the capture.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            work()
    except BaseException:
        torch.cuda.set_stream(own)
        _end_allocation(stream.device_index, pool)
        for generator in (*generators, torch.cuda.default_generators[stream.device_index]):
            _set_free(generator)
        raise
    finally:
        if collects:
            gc.enable()
    return graph


def _end_allocation(index: int, pool: tuple[int, int]) -> None:
    """Tell the allocator that the capture is over, where torch did not."""
    with suppress(RuntimeError, AttributeError):  # it knows, or has another name for this
        torch._C._cuda_endAllocateToPool(index, pool)


def _set_free(generator: torch.Generator) -> None:
    """Give a generator a state like its own that no capture holds."""
    with suppress(RuntimeError):  # what ended the capture is the error to tell
        fresh = torch.Generator(generator.device)
        fresh.set_state(generator.get_state())
        generator.graphsafe_set_state(fresh)
