"""The learning rate over a training, as a factor on the recipe's peak."""

from __future__ import annotations

import math

from nas.training.recipe import Recipe

# torch.optim.lr_scheduler.OneCycleLR's own: the first rate is the peak's 25th part, the last one
# the first's ten thousandth.
_FIRST_DIVISOR = 25.0
_LAST_DIVISOR = 1e4


def rate_factor(recipe: Recipe, step: int, steps: int, steps_per_epoch: int) -> float:
    """The factor at `step`, from 0, of `steps`.

    "cosine": a linear warm-up, then half a cosine to zero (timm's CosineLRScheduler in updates).
    "one-cycle": torch's OneCycleLR, up over the warm-up and down to zero by a cosine each.
    "linear": the same with straight lines. "step": a linear warm-up, then the recipe's decay rate
    in steps of its `decay_epochs`, counted from the start of the training (the paper's).
    """
    warmup_steps = recipe.warmup * steps
    if recipe.schedule in ("one-cycle", "linear"):
        return _one_cycle(recipe.schedule == "linear", step, steps, warmup_steps)
    if step < warmup_steps:
        # The first step is not wasted on a rate of zero.
        return (step + 1) / (warmup_steps + 1)
    if recipe.schedule == "cosine":
        done = (step - warmup_steps) / max(1.0, steps - warmup_steps)
        return (1 + math.cos(math.pi * done)) / 2
    return recipe.decay_rate ** math.floor(step / steps_per_epoch / recipe.decay_epochs + 1e-9)


def _one_cycle(straight: bool, step: int, steps: int, warmup_steps: float) -> float:
    first = 1 / _FIRST_DIVISOR
    peak_at = warmup_steps - 1
    end_at = steps - 1
    if step <= peak_at:
        return _between(first, 1.0, step / max(peak_at, 1e-9), straight)
    done = (step - peak_at) / max(end_at - peak_at, 1e-9)
    return _between(1.0, first / _LAST_DIVISOR, min(done, 1.0), straight)


def _between(start: float, end: float, done: float, straight: bool) -> float:
    if straight:
        return start + (end - start) * done
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
