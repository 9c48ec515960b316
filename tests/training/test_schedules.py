"""Learning rates against torch's and timm's schedulers."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nas.training.recipe import load_recipe
from nas.training.schedules import rate_factor

STEPS, PER_EPOCH = 240, 12


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


@pytest.mark.parametrize(("schedule", "anneal"), [("one-cycle", "cos"), ("linear", "linear")])
@pytest.mark.parametrize("warmup", [0.15, 0.3])
def test_one_cycle_is_torchs(schedule: str, anneal: str, warmup: float) -> None:
    recipe = load_recipe("short", schedule=schedule, warmup=warmup)
    inner = optimizer()
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        inner, 1.0, STEPS, pct_start=warmup, anneal_strategy=anneal, cycle_momentum=False
    )
    for step in range(STEPS):
        ours = rate_factor(recipe, step, STEPS, PER_EPOCH)
        assert ours == pytest.approx(inner.param_groups[0]["lr"], abs=1e-9)
        inner.step()
        if step < STEPS - 1:
            theirs.step()


def test_the_cosine_is_timms() -> None:
    scheduler = pytest.importorskip("timm.scheduler")
    recipe = load_recipe("cifar", warmup=0.1)
    inner, warm = optimizer(), 24
    theirs = scheduler.CosineLRScheduler(
        inner, STEPS - warm, warmup_t=warm, warmup_prefix=True, t_in_epochs=False
    )
    for step in range(warm, STEPS):
        theirs.step_update(step)
        expected = inner.param_groups[0]["lr"]
        assert rate_factor(recipe, step, STEPS, PER_EPOCH) == pytest.approx(expected, abs=1e-9)
    rising = [rate_factor(recipe, step, STEPS, PER_EPOCH) for step in range(warm)]
    assert rising == pytest.approx([(step + 1) / (warm + 1) for step in range(warm)])


def test_the_papers_decay_is_timms_and_torchs() -> None:
    scheduler = pytest.importorskip("timm.scheduler")
    recipe = dataclasses.replace(load_recipe("paper"), warmup=0.0)
    inner = optimizer()
    theirs = scheduler.StepLRScheduler(inner, decay_t=2.4, decay_rate=0.97)
    exponential = optimizer()
    decay = torch.optim.lr_scheduler.LambdaLR(exponential, lambda epoch: 0.97 ** (epoch // 2.4))
    for epoch in range(STEPS // PER_EPOCH):
        ours = rate_factor(recipe, epoch * PER_EPOCH, STEPS, PER_EPOCH)
        theirs.step(epoch)
        assert ours == pytest.approx(inner.param_groups[0]["lr"])
        assert ours == pytest.approx(decay.get_last_lr()[0])
        exponential.step()
        decay.step()


def test_the_papers_warm_up_takes_five_epochs() -> None:
    recipe = load_recipe("paper")
    steps = 350 * PER_EPOCH
    factors = [rate_factor(recipe, step, steps, PER_EPOCH) for step in range(6 * PER_EPOCH)]
    assert factors[: 5 * PER_EPOCH] == sorted(factors[: 5 * PER_EPOCH])
    assert factors[5 * PER_EPOCH] == pytest.approx(0.97**2)


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "linear", "step"])
@pytest.mark.parametrize("warmup", [0.0, 0.15])
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_factors_are_fractions_of_any_training(schedule: str, warmup: float, steps: int) -> None:
    recipe = load_recipe("short", schedule=schedule, warmup=warmup)
    for step in range(steps):
        assert 0 < rate_factor(recipe, step, steps, 1) <= 1
