"""Scaling a network to a FLOPs figure, as closely as rounding lets it."""

from __future__ import annotations

from dataclasses import dataclass

from nas.cost import network_cost
from nas.errors import ConfigError
from nas.scaling.steps import Direction, Step, last_true
from nas.units import format_count, suggest_unit


@dataclass(frozen=True)
class Fit:
    """The networks around a FLOPs figure, in growing order.

    below: the largest at or below the target. above: the next one, None only where `below` meets
    the target exactly and is the largest of all. smaller and larger: their outer neighbours.
    """

    target_flops: int
    below: Step
    above: Step | None
    smaller: Step | None
    larger: Step | None

    @property
    def nearest(self) -> Step:
        """The network nearest to the target on either side; at a tie, the smaller."""
        if self.above is None:
            return self.below
        short = self.target_flops - self.below.cost.flops
        return self.below if short <= self.above.cost.flops - self.target_flops else self.above


def fit_to_flops(direction: Direction, target_flops: int) -> Fit:
    """The networks of `direction` on both sides of `target_flops`.

    Exact, for block kinds whose FLOPs grow with channels, layers and sizes: the jump over the
    target is found by bisection, and so are the ends of the intervals beside it.
    Raises: ConfigError if the target is below the smallest or above the largest network.
    """

    def affordable(x: float) -> bool:
        arch = direction.try_network(x)
        return arch is not None and network_cost(arch).flops <= target_flops

    if affordable(direction.floor):
        start = direction.neutral if affordable(direction.neutral) else direction.floor
        end = direction.reach(direction.neutral, lambda x: not affordable(x))
        below = direction.step(last_true(affordable, start, end)[0])
        above = direction.after(below)
        steps = [direction.before(below), below, above, direction.after(above) if above else None]
    else:
        above = direction.step(direction.floor)
        steps = [above, direction.after(above)]
    fit = _around(target_flops, _with_baseline(direction, [s for s in steps if s is not None]))
    if fit is None:
        raise ConfigError(_too_small(direction, target_flops))
    if fit.above is None and fit.below.cost.flops < target_flops:
        raise ConfigError(
            f"target FLOPs {format_count(target_flops)} is above the largest network that "
            f"{direction.by} scaling can build of this baseline "
            f"({format_count(fit.below.cost.flops)}); lower the target or scale another way"
        )
    return fit


def _with_baseline(direction: Direction, steps: list[Step]) -> list[Step]:
    """Add the baseline itself where rounding would not reproduce it.

    A multiplier of exactly 1 (phi 0) changes nothing, so a baseline with 30 channels stays itself,
    though at 0.999 and 1.001 it would have 32.
    """
    baseline, neutral = direction.baseline, direction.neutral
    if direction.network(neutral) == baseline:
        return steps
    unchanged = Step(baseline, network_cost(baseline), neutral, neutral)
    return sorted([*steps, unchanged], key=lambda step: step.cost.flops)


def _around(target_flops: int, steps: list[Step]) -> Fit | None:
    affordable = [step for step in steps if step.cost.flops <= target_flops]
    beyond = steps[len(affordable) :]
    if not affordable:
        return None
    return Fit(
        target_flops,
        below=affordable[-1],
        above=beyond[0] if beyond else None,
        smaller=affordable[-2] if len(affordable) > 1 else None,
        larger=beyond[1] if len(beyond) > 1 else None,
    )


def _too_small(direction: Direction, target_flops: int) -> str:
    smallest = network_cost(direction.network(direction.floor)).flops
    message = (
        f"target FLOPs {format_count(target_flops)} is below the smallest network that "
        f"{direction.by} scaling reaches ({format_count(smallest)})"
    )
    # Only a bare number was meant as something else, and then as something of the baseline's size:
    # 400 is 400M for B0, though scaling reaches 400k too.
    meant = None
    if target_flops < 100_000:
        size = network_cost(direction.baseline).flops
        meant = suggest_unit(target_flops, max(smallest, size // 100), 100 * size)
    return message + (f"; did you mean {meant}?" if meant else "; raise the target")
