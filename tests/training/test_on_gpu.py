"""What only a GPU can show; skipped where there is none. A minute on any GPU of CUDA.

python -m pytest tests/training/test_on_gpu.py
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from distributed_script import UNREADABLE, streamed
from learnable import coloured_squares, small_spec
from torch import Tensor, nn

from nas.data.pixels import Pixels
from nas.data.streaming import StreamedPixels
from nas.model import build
from nas.training import graphed, session
from nas.training.graphed import GraphedStep
from nas.training.loop import TrainingResult, evaluate, train
from nas.training.recipe import load_recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")

# Steps differ by what kernels round; float32 keeps that small.
SETTINGS: dict[str, Any] = {"epochs": 3, "batch_size": 32, "bf16": False}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[GraphedStep]:
    """The graphed steps that trainings make."""
    made: list[GraphedStep] = []

    def make(step: Any) -> GraphedStep:
        made.append(GraphedStep(step))
        return made[-1]

    monkeypatch.setattr(session, "GraphedStep", make)
    return made


def run(
    pixels: Any, network: nn.Module | None = None, *, more: Any = None, **settings: Any
) -> TrainingResult:
    recipe = load_recipe("short", **{**SETTINGS, **(more or {})})
    network = network or build(small_spec(dropout=0.1, drop_path=0.1), seed=0)
    return train(
        network,
        pixels,
        coloured_squares(40, seed=1),
        recipe,
        resolution=16,
        seed=0,
        **{"device": "cuda", **settings},
    )


def losses(result: TrainingResult) -> list[float]:
    return [report.train_loss for report in result.history]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd", "learning_rate": 0.05},
        {"crop": "pad", "random_erasing": 0.5, "label_smoothing": 0.1},
        {"channels_last": False},
    ],
    ids=str,
)
def test_a_graph_trains_as_one_kernel_at_a_time_does(
    squares: Pixels, steps: list[GraphedStep], settings: dict[str, Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        captured = run(squares, more=settings)
    (step,) = steps
    assert step.reason is None
    assert step._graph is not None
    eager = run(squares, more=settings, graphed=False)
    assert len(steps) == 1
    assert losses(captured) == pytest.approx(losses(eager), rel=1e-3)


@pytest.mark.parametrize("recipe", ["paper", "timm", "cifar", "finetune"])
def test_every_recipe_trains(squares: Pixels, recipe: str) -> None:
    if recipe in ("paper", "timm"):
        pytest.importorskip("timm")
    network, settings = build(small_spec(), seed=0), {"epochs": 2, "batch_size": 32}
    chosen = load_recipe(recipe, **settings)
    result = train(network, squares, squares, chosen, resolution=16, seed=0, device="cuda")
    assert result.top1 is not None


def test_bfloat16_learns(squares: Pixels, steps: list[GraphedStep]) -> None:
    result = run(squares, more={"bf16": True, "epochs": 15})
    assert steps[0].reason is None
    assert result.top1 is not None
    assert result.top1 > 0.6


class Reads(nn.Module):
    """Reads a value back, as a plug-in's block might."""

    def forward(self, features: Tensor) -> Tensor:
        return features * (1.0 + 0.0 * features.mean().item())


def test_a_step_that_reads_a_value_is_not_captured_and_names_its_line(
    squares: Pixels, steps: list[GraphedStep]
) -> None:
    with pytest.warns(UserWarning, match=r"test_on_gpu.py, line \d+, makes the host wait"):
        run(squares, nn.Sequential(Reads(), build(small_spec(), seed=0)))
    run(squares)
    assert [step._graph is not None for step in steps] == [False, True]


def test_after_a_failed_capture_the_process_trains_and_captures_on(
    squares: Pixels, steps: list[GraphedStep], monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    @contextmanager
    def sees_nothing() -> Iterator[list[str]]:
        yield []

    with monkeypatch.context() as blind:
        blind.setattr(graphed, "host_waits", sees_nothing)
        network = nn.Sequential(Reads(), build(small_spec(dropout=0.1), seed=0))
        with pytest.warns(UserWarning, match="cannot be captured"):
            failed = run(squares, network)
    network = nn.Sequential(Reads(), build(small_spec(dropout=0.1), seed=0))
    eager = run(squares, network, graphed=False)
    assert losses(failed) == pytest.approx(losses(eager), rel=1e-3)
    torch.cuda.empty_cache()
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    run(squares)
    assert steps[-1]._graph is not None


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_images_are_captured_beside_the_thread_that_pins_them(
    steps: list[GraphedStep], workers: int
) -> None:
    source: StreamedPixels = streamed(coloured_squares(96))
    source._workers = workers
    found = run(source)
    assert steps[0]._graph is not None
    assert found.epochs == 3
    assert source._unreadable == set(UNREADABLE)


def test_images_that_stay_on_the_host_train_as_those_on_the_gpu(
    squares: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run(squares)
    monkeypatch.setattr("nas.training.devices.room_bytes", lambda device: 0)
    assert losses(run(squares)) == pytest.approx(losses(there), rel=1e-3)


@pytest.mark.parametrize("goes_on_with", ["cuda", "cpu"])
def test_a_training_goes_on_from_its_checkpoint(
    squares: Pixels, tmp_path: Path, goes_on_with: str
) -> None:
    whole = run(squares, more={"epochs": 4})

    class KilledError(BaseException):
        pass

    def kill(done: int, steps: int, size: int) -> None:
        if done == 8:
            raise KilledError

    with pytest.raises(KilledError):
        run(squares, more={"epochs": 4}, folder=tmp_path, observe_step=kill)
    resumed = run(squares, more={"epochs": 4}, folder=tmp_path, device=goes_on_with)
    assert resumed.epochs == 4
    if goes_on_with == "cuda":
        assert losses(resumed) == pytest.approx(losses(whole), rel=1e-3)


def test_a_batch_that_does_not_fit_is_halved(steps: list[GraphedStep]) -> None:
    free, total = torch.cuda.mem_get_info()
    pixels = coloured_squares(1024, px=64)
    network = build(small_spec(), seed=0)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    one = {"epochs": 1, "batch_size": 512, "bn_recalibration_batches": 0}
    train(network, pixels, None, load_recipe("short", **one), resolution=64, seed=0, graphed=False)
    peak = torch.cuda.max_memory_allocated()
    assert peak < free
    try:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(0.8 * peak / total)
        network = build(small_spec(), seed=0)
        recipe = load_recipe("short", **one)
        result = train(network, pixels, pixels, recipe, resolution=64, seed=0)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.accumulation == 2
    assert steps[0]._graph is None


def test_evaluation_on_the_gpu_is_the_cpus(squares: Pixels) -> None:
    network = build(small_spec(), seed=0)
    here = evaluate(network, squares, resolution=16, device="cpu")
    there = evaluate(network, squares, resolution=16, device="cuda")
    assert there.top1 == here.top1
    assert there.loss == pytest.approx(here.loss, rel=1e-3)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not two GPUs here")
def test_the_second_gpu_trains(squares: Pixels, steps: list[GraphedStep]) -> None:
    first, second = run(squares, device="cuda:0"), run(squares, device="cuda:1")
    assert [step._graph is not None for step in steps] == [True, True]
    assert losses(second) == pytest.approx(losses(first), rel=1e-3)
    assert torch.cuda.current_device() == 0
