"""Scaling in one direction as the step function that it is.

Layers, channels and pixels are whole, so the network stays the same over an interval of the
multiplier and then jumps. Every rounded quantity grows with the multiplier; a network once left
never comes back, and bisection down to neighbouring floating-point numbers finds each jump exactly.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from nas.cost import Cost, network_cost
from nas.errors import ConfigError, SpecError
from nas.scaling.coefficients import Multipliers, ScalingCoefficients
from nas.scaling.transform import Sizes, scale, scaled_sizes
from nas.spec import ArchSpec

By = Literal["compound", "width", "depth", "resolution"]
WAYS: tuple[By, ...] = get_args(By)

# Below this every layer, width and side is at its smallest, whatever the baseline: specs hold at
# most 2^20 channels.
_SMALLEST_MULTIPLIER = 2.0**-24


@dataclass(frozen=True)
class Step:
    """One network and the closed interval of multipliers that round to it.

    The multiplier is phi for compound scaling. `low` is None where every smaller multiplier gives
    the same network. The ends are the last floating-point numbers that round to it.
    """

    arch: ArchSpec
    cost: Cost
    low: float | None
    high: float

    @property
    def multiplier(self) -> float:
        """The number with the fewest decimals in the interval: one that a person can retype."""
        low = self.high - 0.1 * abs(self.high) if self.low is None else self.low
        return roundest(low, self.high)


@dataclass(frozen=True)
class Direction:
    """`baseline` scaled `by` one way; `network(x)` is the step function.

    Raises: ConfigError if compound scaling lacks coefficients, or they scale nothing.
    """

    baseline: ArchSpec
    by: By
    coefficients: ScalingCoefficients | None = None
    resolution_multiple: int = 1

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise ConfigError(f"cannot scale by '{self.by}'; choose one of {', '.join(WAYS)}")
        if self.by != "compound":
            return
        if self.coefficients is None:
            raise ConfigError("compound scaling needs coefficients alpha, beta and gamma")
        if self.coefficients.nominal_ratio == 1:
            raise ConfigError(
                "alpha, beta and gamma are all 1, so no phi changes the network; "
                "raise one of them above 1"
            )

    def named(self, step: Step) -> ArchSpec:
        """A step's network, named after the baseline, the way and the multiplier."""
        name = f"{self.baseline.name or 'network'}-{self.by}-{step.multiplier:.12g}"
        return dataclasses.replace(step.arch, name=name)

    @property
    def neutral(self) -> float:
        """The multiplier that leaves the baseline alone: phi 0, or 1."""
        return 0.0 if self.by == "compound" else 1.0

    @property
    def floor(self) -> float:
        """A multiplier at which the network is the smallest of this direction."""
        if self.coefficients is None or self.by != "compound":
            return _SMALLEST_MULTIPLIER
        c = self.coefficients
        slowest = min(value for value in (c.alpha, c.beta, c.gamma) if value > 1)
        return math.log(_SMALLEST_MULTIPLIER) / math.log(slowest)

    def multipliers(self, x: float) -> Multipliers:
        """What `x` asks of depth, width and resolution; exactly 1 only where `x` has no say.

        A multiplier of exactly 1 leaves a dimension unrounded. That is one point, off the step
        function for a baseline with, say, 30 channels: here it counts as slightly more than 1.
        Raises: ConfigError where `x` is too large for any network.
        """
        if self.coefficients is not None and self.by == "compound":
            c, asked = self.coefficients, self.coefficients.multipliers(x)
            return Multipliers(
                depth=_moving(asked.depth, c.alpha > 1),
                width=_moving(asked.width, c.beta > 1),
                resolution=_moving(asked.resolution, c.gamma > 1),
            )
        return Multipliers(
            depth=_moving(x, True) if self.by == "depth" else 1.0,
            width=_moving(x, True) if self.by == "width" else 1.0,
            resolution=_moving(x, True) if self.by == "resolution" else 1.0,
        )

    def network(self, x: float) -> ArchSpec:
        """The network that `x` rounds to.

        Raises: SpecError or ConfigError where it is too large to exist.
        """
        asked = self.multipliers(x)
        return scale(
            self.baseline,
            depth=asked.depth,
            width=asked.width,
            resolution=asked.resolution,
            resolution_multiple=self.resolution_multiple,
        )

    def sizes(self, x: float) -> Sizes:
        """What `x` rounds to: as good as the network to tell where it changes, and much cheaper."""
        asked = self.multipliers(x)
        return scaled_sizes(
            self.baseline,
            depth=asked.depth,
            width=asked.width,
            resolution=asked.resolution,
            resolution_multiple=self.resolution_multiple,
        )

    def try_network(self, x: float) -> ArchSpec | None:
        """The network at `x`, or None where it is too large to exist."""
        try:
            return self.network(x)
        except (SpecError, ConfigError):
            return None

    def step(self, x: float) -> Step:
        """The network at `x` with its whole interval. Raises as `network` does."""
        arch, sizes = self.network(x), self.sizes(x)

        def same(at: float) -> bool:
            return self.sizes(at) == sizes

        reach = self.reach(x, lambda at: not same(at))
        high, _ = last_true(same, x, reach)
        low: float | None = None
        if not same(self.floor):
            _, low = last_true(lambda at: not same(at), self.floor, x)
        return Step(arch, network_cost(arch), low, high)

    def after(self, step: Step) -> Step | None:
        """The next larger network, or None if there is none."""
        x = math.nextafter(step.high, math.inf)
        return None if self.try_network(x) is None else self.step(x)

    def before(self, step: Step) -> Step | None:
        """The next smaller network, or None if there is none."""
        return None if step.low is None else self.step(math.nextafter(step.low, -math.inf))

    def reach(self, x: float, done: Callable[[float], bool]) -> float:
        """A multiplier above `x` where `done` holds; it must hold once networks are too large."""
        distance = 2.0**-6
        while not done(x + distance):
            distance *= 2
        return x + distance


def _moving(multiplier: float, moves: bool) -> float:
    if not moves:
        return 1.0
    # At the floor of the slowest dimension, a faster one may have underflowed to zero.
    return math.nextafter(1.0, 2.0) if multiplier == 1 else max(multiplier, _SMALLEST_MULTIPLIER)


def last_true(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """The last number for which `holds` is true, and its floating-point neighbour.

    `holds` must be true at `low`, false at `high`, and change once between them.
    """
    while True:
        middle = low + (high - low) / 2
        if not low < middle < high:
            return low, high
        if holds(middle):
            low = middle
        else:
            high = middle


def roundest(low: float, high: float) -> float:
    """The number with the fewest decimals in the closed interval; the smallest of these."""
    for digits in range(17):
        candidate = float(f"{math.ceil(low * 10**digits) / 10**digits:.{digits}f}")
        if low <= candidate <= high:
            return candidate
    return low
