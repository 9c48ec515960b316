"""The graph's step is the eager one; what cannot be captured runs eagerly and says why.

There may be no GPU where this runs: the graph itself is replaced by one that calls the step again,
which is what a replay computes.
"""

from __future__ import annotations

import contextlib
import gc
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from learnable import coloured_squares, small_spec
from torch import Tensor, nn

from nas.model import build
from nas.training import capture, graphed
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
        self.generators: list[torch.Generator] = []

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    def replay(self) -> None:
        assert self.owner is not None
        self.replays += 1
        owner = self.owner
        owner._loss = owner.step(owner._images, owner._labels)


class Stream:
    """Waits for nothing."""

    device_index = 0

    def wait_stream(self, other: object) -> None: ...


class FakeCuda:
    """The graphs that were made, how they were captured, and what the next capture does."""

    def __init__(self) -> None:
        self.made: list[FakeGraph] = []
        self.settings: list[dict[str, Any]] = []
        self.owner: GraphedStep | None = None
        self.sync_mode: int | str = 0
        self.stream: object = None
        self.ended: list[Any] = []

    def make(self) -> FakeGraph:
        self.made.append(FakeGraph())
        self.made[-1].owner = self.owner
        return self.made[-1]

    @contextlib.contextmanager
    def capture(self, graph: FakeGraph, **settings: Any) -> Iterator[None]:
        # A capture computes nothing; what it would have changed is put back.
        self.settings.append(settings)
        assert self.owner is not None
        step = self.owner.step
        weights = {k: v.clone() for k, v in step.network.state_dict().items()}
        state = step.optimizer.state_dict()
        copied = {k: {n: v.clone() for n, v in s.items()} for k, s in state["state"].items()}
        draws = step.generator.get_state()
        yield
        step.network.load_state_dict(weights)
        step.optimizer.load_state_dict({**state, "state": copied})
        step.generator.set_state(draws)


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    replaced: dict[str, Any] = {
        "CUDAGraph": fake.make,
        "graph": fake.capture,
        "graph_pool_handle": lambda: (0, 7),
        "current_stream": Stream,
        "stream": lambda stream: contextlib.nullcontext(),
        "set_stream": lambda stream: setattr(fake, "stream", stream),
        "synchronize": lambda: None,
        "empty_cache": lambda: None,
        "get_sync_debug_mode": lambda: fake.sync_mode,
        "set_sync_debug_mode": lambda mode: setattr(fake, "sync_mode", mode),
        "default_generators": [torch.Generator()],
    }
    for name, value in replaced.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(graphed, "side_stream", lambda index: Stream())
    monkeypatch.setattr(
        torch._C, "_cuda_endAllocateToPool", lambda *told: fake.ended.append(told), raising=False
    )
    return fake


def run(step: TrainingStep, call: Any, batches: int, size: int = 16) -> list[float]:
    images = coloured_squares(size * batches)
    losses = []
    for batch in range(batches):
        part = slice(size * batch, size * batch + size)
        losses.append(float(call(images.images[part], images.labels[part])))
    return losses


def test_a_graphed_training_is_the_eager_one(fake_cuda: FakeCuda) -> None:
    settings = {"crop": "random-resized", "random_erasing": 0.3}
    eager, captured = make_step(**settings), make_step(**settings)
    call = fake_cuda.owner = GraphedStep(captured)
    batches = WARM_UP_STEPS + 4
    assert run(captured, call, batches) == run(eager, eager, batches)
    (graph,) = fake_cuda.made
    assert graph.replays == 4
    assert graph.generators == [captured.generator]
    assert call.reason is None
    # With torch's default mode, a loader's thread that pins memory would end the capture.
    assert [one["capture_error_mode"] for one in fake_cuda.settings] == ["thread_local"]
    for ours, theirs in zip(captured.network.parameters(), eager.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_batch_of_another_size_is_run_eagerly(fake_cuda: FakeCuda) -> None:
    eager, captured = make_step(), make_step()
    call = fake_cuda.owner = GraphedStep(captured)
    losses = run(captured, call, WARM_UP_STEPS + 1) + run(captured, call, 1, size=10)
    losses += run(captured, call, 1)
    expected = run(eager, eager, WARM_UP_STEPS + 1) + run(eager, eager, 1, size=10)
    assert losses == expected + run(eager, eager, 1)
    assert [graph.replays for graph in fake_cuda.made] == [2]


def test_a_failed_capture_is_named_once_and_runs_eagerly(
    fake_cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, captured = make_step(), make_step()
    call = fake_cuda.owner = GraphedStep(captured)

    @contextlib.contextmanager
    def refuse(graph: FakeGraph, **settings: Any) -> Iterator[None]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")
        yield

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    with pytest.warns(UserWarning, match="cannot be captured: RuntimeError: operation not"):
        losses = run(captured, call, WARM_UP_STEPS + 3)
    assert losses == run(eager, eager, WARM_UP_STEPS + 3)
    assert len(fake_cuda.made) == 1
    # What torch leaves half done: the stream, the allocator.
    assert isinstance(fake_cuda.stream, Stream)
    assert fake_cuda.ended == [(0, (0, 7))]


def test_after_a_failed_capture_generators_draw_on_from_where_they_were(
    fake_cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[object, int]] = []

    class Held:
        """A generator that a capture holds."""

        device = CPU

        def __init__(self, seed: int) -> None:
            self.own = torch.Generator().manual_seed(seed)

        def get_state(self) -> Tensor:
            return self.own.get_state()

        def graphsafe_set_state(self, fresh: torch.Generator) -> None:
            given.append((self, fresh.initial_seed()))

    ours, default = Held(3), Held(4)
    monkeypatch.setattr(torch.cuda, "default_generators", [default])

    def fail() -> None:
        raise ValueError("of the step")

    fake_cuda.owner = GraphedStep(make_step())
    with pytest.raises(ValueError, match="of the step"):
        capture.captured(fail, Stream(), [ours])  # type: ignore[arg-type, list-item]
    assert given == [(ours, 3), (default, 4)]
    assert gc.isenabled()


@pytest.mark.filterwarnings("ignore:something else")
def test_a_step_that_waits_for_the_gpu_is_not_captured(fake_cuda: FakeCuda) -> None:
    """torch names the line; here a layer does what torch does when one waits."""

    class Waits(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            if fake_cuda.sync_mode == "warn":
                warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
                warnings.warn("something else", stacklevel=1)
            return features

    eager, captured = make_step(), make_step()
    captured.network = nn.Sequential(Waits(), captured.network)
    call = fake_cuda.owner = GraphedStep(captured)
    with pytest.warns(UserWarning, match="makes the host wait") as told:
        losses = run(captured, call, WARM_UP_STEPS + 2)
    messages = [str(one.message) for one in told]
    (named,) = [text for text in messages if "cannot be captured" in text]
    assert re.search(r"test_graphed.py, line \d+, makes the host wait", named)
    assert messages.count("something else") == 1
    assert fake_cuda.made == []
    assert fake_cuda.sync_mode == 0
    assert losses == run(eager, eager, WARM_UP_STEPS + 2)


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
    fake_cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, captured = make_step(), make_step()
    captured.network = Full(captured.network, WARM_UP_STEPS + 1)
    call = fake_cuda.owner = GraphedStep(captured)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, **_: contextlib.nullcontext())
    with pytest.warns(UserWarning, match="no memory for a graph"):
        losses = run(captured, call, WARM_UP_STEPS + 3)
    assert losses == run(eager, eager, WARM_UP_STEPS + 3)
    assert (captured.accumulation, len(fake_cuda.made)) == (1, 1)


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
