"""The order of calls on a GPU, by torch's notes on CUDA graphs; no GPU runs them here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from nas.latency.runners import WARM_UP_RUNS, _graphed, describe_device


class Calls(list[str]):
    """What was called, and stand-ins that note it."""

    stream_now = "default"

    @contextlib.contextmanager
    def on(self, stream: Any) -> Iterator[None]:
        before, self.stream_now = self.stream_now, stream.name
        try:
            yield
        finally:
            self.stream_now = before


class Stream:
    def __init__(self, calls: Calls, name: str) -> None:
        self.calls, self.name = calls, name

    def wait_stream(self, other: Stream) -> None:
        self.calls.append(f"{self.name} waits for {other.name}")


class Network(nn.Module):
    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.calls = calls

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tried = "trying kernels" if torch.backends.cudnn.benchmark else "any kernel"
        self.calls.append(f"run on {self.calls.stream_now}, {tried}")
        return images


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    noted = Calls()

    class Graph:
        def replay(self) -> None:
            noted.append("replay")

    @contextlib.contextmanager
    def graph(captured: Graph, stream: Stream) -> Iterator[None]:
        noted.append(f"capture on {stream.name}")
        with noted.on(stream):
            yield
        noted.append("captured")

    cuda = torch.cuda
    monkeypatch.setattr(cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(cuda, "Stream", lambda: Stream(noted, "side"))
    monkeypatch.setattr(cuda, "current_stream", lambda: Stream(noted, "default"))
    monkeypatch.setattr(cuda, "stream", noted.on)
    monkeypatch.setattr(cuda, "synchronize", lambda: noted.append("synchronise"))
    monkeypatch.setattr(cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(cuda, "graph", graph)
    return noted


def test_a_network_is_warmed_up_captured_and_replayed(calls: Calls) -> None:
    run = _graphed(Network(calls), torch.zeros(1))
    assert calls == [
        "side waits for default",
        *["run on side, trying kernels"] * WARM_UP_RUNS,
        "default waits for side",
        "synchronise",
        "capture on side",
        "run on side, trying kernels",
        "captured",
    ]
    assert torch.backends.cudnn.benchmark is False
    calls.clear()
    run(3)
    # The clock is read behind the synchronisation, when the GPU is done.
    assert calls == ["replay", "replay", "replay", "synchronise"]


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(RuntimeError, match="no device 'cuda:1': torch finds 1"):
        describe_device("cuda:1", 1)
