"""The loop learns, reports, stops, and ends in one line where it cannot go on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from learnable import coloured_squares, small_spec
from torch import Tensor, nn

from nas.data.pixels import Pixels
from nas.errors import TrainingError
from nas.model import Network, build
from nas.training import loop
from nas.training.distributed import Processes
from nas.training.loop import DivergedError, EpochReport, TrainingResult, evaluate, train
from nas.training.recipe import Recipe, load_recipe


def quick(**overrides: Any) -> Recipe:
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 32, "flip": False, "crop": "none"}
    return load_recipe("short", **{**settings, **overrides})


def run(network: nn.Module, pixels: Pixels, recipe: Recipe, **settings: Any) -> TrainingResult:
    settings = {"resolution": 16, "seed": 0, "device": "cpu", **settings}
    return train(network, pixels, settings.pop("val", None), recipe, **settings)


def test_a_tiny_network_learns(
    small_network: Network, squares: Pixels, other_squares: Pixels
) -> None:
    seen: list[EpochReport] = []
    recipe = quick(epochs=12, learning_rate=0.01)
    result = run(
        small_network, squares, recipe, val=other_squares, observe=lambda r: bool(seen.append(r))
    )
    assert result.top1 is not None
    assert result.top1 > 0.95
    assert tuple(seen) == result.history
    assert seen[-1].train_loss < 0.5 * seen[0].train_loss
    assert (seen[-1].epoch, seen[-1].epochs, result.epochs) == (12, 12, 12)
    assert not result.stopped
    # The network holds the weights that were judged.
    again = evaluate(small_network, other_squares, resolution=16, device="cpu")
    assert again.top1 == result.top1
    assert again.loss == pytest.approx(result.val_loss)
    assert not small_network.training
    assert all(weight.is_contiguous() for weight in small_network.parameters())


@pytest.mark.parametrize("name", ["paper", "timm", "cifar"])
def test_every_recipe_runs(name: str, small_network: Network, squares: Pixels) -> None:
    pytest.importorskip("timm")
    overrides = {"drop_path": 0.1} if name != "cifar" else {"mixup": 0.2, "cutmix": 1.0}
    recipe = load_recipe(name, epochs=2, batch_size=32, **overrides)
    result = run(small_network, squares, recipe, val=squares)
    assert result.top1 is not None
    assert result.batch_size == 32


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator(
    squares: Pixels,
) -> None:
    states = []
    torch.manual_seed(1)
    before = torch.get_rng_state()
    for seed in (3, 3, 4):
        network = build(small_spec(dropout=0.2, drop_path=0.2), seed=0)
        run(network, squares, quick(crop="random-resized", flip=True), seed=seed)
        states.append(torch.cat([w.flatten() for w in network.state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
    assert torch.equal(before, torch.get_rng_state())


def test_an_observer_stops_it(small_network: Network, squares: Pixels, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"val": squares, "folder": tmp_path}
    result = run(
        small_network, squares, quick(epochs=5), observe=lambda r: r.epoch == 2, **settings
    )
    assert (result.epochs, result.stopped) == (2, True)
    again = run(build(small_spec(), seed=0), squares, quick(epochs=5), **settings)
    assert (again.epochs, again.stopped, again.top1) == (2, True, result.top1)


def test_evaluations_are_as_often_as_asked_and_always_last(
    small_network: Network, squares: Pixels, tmp_path: Path
) -> None:
    result = run(
        small_network, squares, quick(epochs=5), val=squares, evaluate_every=2, folder=tmp_path
    )
    assert [report.top1 is not None for report in result.history] == [False, True] * 2 + [True]
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0]["top1"] == ""
    assert float(rows[4]["top1"]) == pytest.approx(result.history[4].top1, abs=1e-5)


def test_steps_are_observed(small_network: Network, squares: Pixels) -> None:
    seen: list[tuple[int, int, int]] = []
    run(small_network, squares, quick(), observe_step=lambda *step: seen.append(step))
    assert seen == [(step, 6, 32) for step in range(1, 7)]


def test_fewer_images_than_a_batch_are_one_batch(small_network: Network) -> None:
    result = run(small_network, coloured_squares(20), quick(batch_size=128, schedule="step"))
    assert result.batch_size == 20
    expected = load_recipe("short").learning_rate * (20 / 128) ** 0.5
    assert result.history[-1].learning_rate == pytest.approx(expected, rel=0.05)


def test_frozen_stages_do_not_move(small_network: Network, squares: Pixels) -> None:
    before = {name: value.clone() for name, value in small_network.state_dict().items()}
    run(small_network, squares, quick(), frozen=1, pretrained=True)
    for name, value in small_network.state_dict().items():
        still = name.startswith(("stem.", "stages.0."))
        assert torch.equal(value, before[name]) == still or name.endswith("tracked"), name


def test_groups_of_no_rate_do_not_move(small_network: Network, squares: Pixels) -> None:
    before = small_network.stem.conv.weight.detach().clone()
    groups = [{"params": list(small_network.head.parameters())}]
    run(small_network, squares, quick(), parameter_groups=groups)
    assert torch.equal(before, small_network.stem.conv.weight)


class Breaking(nn.Module):
    """Gives a loss that is not a number from one call on."""

    def __init__(self, network: nn.Module, after: int) -> None:
        super().__init__()
        self.network, self.left = network, after

    def forward(self, images: Tensor) -> Tensor:
        self.left -= self.training
        logits: Tensor = self.network(images)
        return logits * float("nan") if self.left < 0 else logits


def test_a_loss_that_is_no_number_names_epoch_and_step(
    small_network: Network, squares: Pixels
) -> None:
    with pytest.raises(DivergedError, match="nan at epoch 2, step 3") as raised:
        run(Breaking(small_network, 5), squares, quick(epochs=4, bn_recalibration_batches=0))
    assert "\n" not in str(raised.value)


class Hungry(nn.Module):
    """Is out of memory above a number of images."""

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most = network, most

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        logits: Tensor = self.network(images)
        return logits


def test_out_of_memory_halves_the_batch_once(small_network: Network, squares: Pixels) -> None:
    result = run(Hungry(small_network, 20), squares, quick(bn_recalibration_batches=0))
    assert (result.batch_size, result.accumulation) == (16, 2)
    with pytest.raises(TrainingError, match="out of memory at a batch of 16 images") as raised:
        run(Hungry(small_network, 12), squares, quick())
    assert "\n" not in str(raised.value)


def test_out_of_memory_between_two_steps_is_one_line(
    small_network: Network, squares: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph keeps its memory, so that averages and statistics may find none."""

    def full(average: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("nas.training.averaging.Average.update", full)
    with pytest.raises(TrainingError, match="cpu is out of memory; use a smaller batch_size"):
        run(small_network, squares, quick(ema=0.9))


@pytest.mark.parametrize(("batch", "halved"), [(3, False), (4, True)])
def test_a_half_has_at_least_two_images(
    batch: int, halved: bool, small_network: Network, squares: Pixels
) -> None:
    recipe = quick(epochs=1, batch_size=batch, bn_recalibration_batches=0)
    hungry = Hungry(small_network, batch - 1)
    if halved:
        assert run(hungry, squares, recipe).accumulation == 2
    else:
        with pytest.raises(TrainingError, match=f"out of memory at a batch of {batch} images"):
            run(hungry, squares, recipe)


def test_halves_are_the_same_step_without_batch_norm(squares: Pixels) -> None:
    weights = []
    for most in (32, 16):
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4))
        run(Hungry(plain, most), squares, quick(clip=1.0))
        weights.append(plain[1].weight.detach())
    torch.testing.assert_close(weights[0], weights[1])


@pytest.mark.parametrize(
    ("images", "settings", "words"),
    [
        (1, {}, "1 image to train on; at least 2"),
        (8, {"evaluate_every": 0}, "evaluate_every is 0"),
        (8, {"device": "tpu9"}, "no device 'tpu9'"),
        (8, {"device": "cuda:7"}, "there is no device 'cuda:7'"),
        (8, {"frozen": 9}, "frozen is 9"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    small_network: Network, images: int, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(TrainingError) as raised:
        run(small_network, coloured_squares(images), quick(), **settings)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("images", "batch", "processes", "words"),
    [
        (8, 1, 1, "a batch of 1 image is too small"),
        (8, 3, 2, "a batch of 3 images shared by 2 processes is too small"),
        (3, 32, 2, "a batch of 3 images shared by 2 processes is too small"),
    ],
)
def test_a_single_image_a_share_is_one_line(
    small_network: Network,
    monkeypatch: pytest.MonkeyPatch,
    images: int,
    batch: int,
    processes: int,
    words: str,
) -> None:
    monkeypatch.setattr(loop, "current_processes", lambda: Processes(0, processes))
    with pytest.raises(TrainingError, match=words) as raised:
        run(small_network, coloured_squares(images), quick(batch_size=batch))
    assert "\n" not in str(raised.value)


def test_another_number_of_classes_is_one_line(squares: Pixels) -> None:
    with pytest.raises(TrainingError, match="tells 7 classes apart and the images have 4"):
        run(build(small_spec(classes=7), seed=0), squares, quick())
