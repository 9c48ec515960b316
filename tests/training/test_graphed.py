"""The graph's step is the eager one; what cannot be captured runs eagerly and says why.

There may be no GPU where this runs: the graph itself is replaced by one that calls the step again,
which is what a replay computes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from conftest import coloured_squares, small_spec
from torch import Tensor, nn

from nas.model import build
from nas.training import graphed
from nas.training.augment import Augmentation
from nas.training.graphed import WARM_UP_STEPS, GraphedStep, why_not_captured
from nas.training.optimizers import make_optimizer
from nas.training.recipe import load_recipe
from nas.training.step import TrainingStep

CPU = torch.device("cpu")


def make_step(**overrides: Any) -> TrainingStep:
    recipe = load_recipe("short", **{"crop": "none", "flip": False, **overrides})
    network = build(small_spec(), seed=0).train()
    return TrainingStep(
        network,
        make_optimizer(network, recipe, CPU),
        recipe,
        Augmentation(recipe, 16, 16),
        device=CPU,
        classes=4,
        generator=torch.Generator(),
        host_generator=torch.Generator(),
    )


class FakeGraph:
    """Records the step that is captured, and computes it again for a replay."""

    def __init__(self) -> None:
        self.owner: GraphedStep | None = None
        self.replays = 0

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generator = generator

    def replay(self) -> None:
        assert self.owner is not None
        self.replays += 1
        owner = self.owner
        owner._loss = owner.step(owner._images, owner._labels)


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> list[FakeGraph]:
    made: list[FakeGraph] = []

    def make() -> FakeGraph:
        made.append(FakeGraph())
        return made[-1]

    class Stream:
        """Waits for nothing."""

        def wait_stream(self, other: object) -> None: ...

    @contextlib.contextmanager
    def capture(graph: FakeGraph) -> Iterator[None]:
        # A capture computes nothing; the weights it would have changed are put back.
        owner = graph.owner
        assert owner is not None
        network, optimizer = owner.step.network, owner.step.optimizer
        weights = {k: v.clone() for k, v in network.state_dict().items()}
        state = optimizer.state_dict()
        copied = {k: {n: v.clone() for n, v in s.items()} for k, s in state["state"].items()}
        yield
        network.load_state_dict(weights)
        optimizer.load_state_dict({**state, "state": copied})

    monkeypatch.setattr(torch.cuda, "CUDAGraph", make)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    return made


def run(step: TrainingStep, call: Any, batches: int) -> list[float]:
    images = coloured_squares(16 * batches)
    losses = []
    for batch in range(batches):
        part = slice(16 * batch, 16 * batch + 16)
        losses.append(float(call(images.images[part], images.labels[part])))
    return losses


def test_a_graphed_training_is_the_eager_one(
    fake_cuda: list[FakeGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, captured = make_step(), make_step()
    call = GraphedStep(captured)
    original = graphed.torch.cuda.CUDAGraph

    def owned() -> FakeGraph:
        graph = original()
        graph.owner = call  # type: ignore[attr-defined]
        return graph  # type: ignore[return-value]

    monkeypatch.setattr(torch.cuda, "CUDAGraph", owned)
    batches = WARM_UP_STEPS + 4
    assert run(captured, call, batches) == run(eager, eager, batches)
    assert [graph.replays for graph in fake_cuda] == [4]
    assert call.reason is None
    for ours, theirs in zip(captured.network.parameters(), eager.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_failed_capture_is_named_once_and_runs_eagerly(
    fake_cuda: list[FakeGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, captured = make_step(), make_step()
    call = GraphedStep(captured)

    @contextlib.contextmanager
    def refuse(graph: FakeGraph) -> Iterator[None]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")
        yield

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    with pytest.warns(UserWarning, match="cannot be captured: RuntimeError: operation not"):
        losses = run(captured, call, WARM_UP_STEPS + 3)
    assert losses == run(eager, eager, WARM_UP_STEPS + 3)
    assert len(fake_cuda) == 1


class Full(nn.Module):
    """Is out of memory at one call."""

    def __init__(self, network: nn.Module, call: int) -> None:
        super().__init__()
        self.network, self.left = network, call

    def forward(self, images: Tensor) -> Tensor:
        self.left -= 1
        if not self.left:
            raise torch.OutOfMemoryError("CUDA out of memory")
        logits: Tensor = self.network(images)
        return logits


def test_a_graph_that_does_not_fit_halves_no_batch(
    fake_cuda: list[FakeGraph], monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, captured = make_step(), make_step()
    captured.network = Full(captured.network, WARM_UP_STEPS + 1)
    call = GraphedStep(captured)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: contextlib.nullcontext())
    with pytest.warns(UserWarning, match="no memory for a graph"):
        losses = run(captured, call, WARM_UP_STEPS + 3)
    assert losses == run(eager, eager, WARM_UP_STEPS + 3)
    assert (captured.accumulation, len(fake_cuda)) == (1, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, None),
        ({"auto_augment": "rand-m9"}, "works on the CPU, image by image"),
        ({"mixup": 0.2}, "mixup and cutmix draw on the CPU"),
        ({"optimizer": "rmsprop"}, "RMSprop"),
    ],
)
def test_what_keeps_a_step_from_a_graph_has_a_name(
    settings: dict[str, Any], words: str | None
) -> None:
    reason = why_not_captured(load_recipe("short", **settings))
    assert reason is None if words is None else words in str(reason)
