"""The contract of a reward: finite, and never lower for more accuracy at the same cost."""

from __future__ import annotations

import math

from nas.arithmetic import Cost
from nas.objective import Reward
from nas.testing.claims import claim, during

_FLOPS = tuple(int(10 ** (exponent / 2)) for exponent in range(10, 23))
"""From 0.1M to 100G: the networks that a search meets."""

_STEPS = 20


def check_reward(reward: Reward) -> None:
    """Check a reward over accuracies from 0 to 1 and costs from 0.1M to 100G FLOPs.

    Raises: AssertionError naming the reward, the claim, the accuracy and the cost.
    """
    name = getattr(reward, "name", None)
    what = f"{type(reward).__name__}.name is {name!r}; it must be a text"
    claim(isinstance(name, str) and bool(name), what)
    for flops in _FLOPS:
        cost = Cost(flops, flops // 100, flops // 50, flops // 25, flops // 10)
        before = -math.inf
        for step in range(_STEPS + 1):
            accuracy = step / _STEPS
            with during(f"reward '{name}' at accuracy {accuracy} and {flops} FLOPs"):
                value = reward(accuracy, cost)
                claim(math.isfinite(value), f"is {value!r}; it must be a finite number")
                claim(reward(accuracy, cost) == value, "changes from call to call")
                claim(value >= before, f"is {value}, below the {before} of less accuracy")
                before = value
