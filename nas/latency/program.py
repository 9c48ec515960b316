"""A network as a plain list of steps that any runtime can be given; JSON as it stands.

Part of the stand-alone script. A program is {"input": [channels, height, width], "output": its
shape without the batch, "steps": [...]}. Step i makes value i + 1 from earlier values (value 0 is
the images); the last step's is the output.

step         settings
conv         channels, out, kernel, stride, padding, dilation ([y, x] each), groups, bias
norm         channels, eps: batch norm in eval mode
activation   kind: one of `ACTIVATIONS`
mean         over height and width; keep: whether they stay as 1 x 1
flatten      everything but the batch
linear       features, out, bias
add, mul     of two values, the second of which may be one pixel a channel
scale        by: a number
concat       along the channels
max_pool     kernel, stride, padding ([y, x] each), ceil
mean_pool    kernel, stride, padding ([y, x] each), ceil, count_padding
widen        by: channels of zeros behind the others

Every step has `op`, `of` (the values it reads) and, where it has weights, `name`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

ACTIVATIONS = ("silu", "relu", "relu6", "hard-swish", "sigmoid", "hard-sigmoid", "gelu")

Program = dict[str, Any]
Weights = Callable[[str, tuple[int, ...]], Any]
"""(name of a tensor as in a state dict, its shape) -> a float32 array."""


def weight_shapes(step: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Tensor -> shape of one step, by torch's names; empty where it has no weights."""
    if step["op"] == "conv":
        shapes = {"weight": (step["out"], step["channels"] // step["groups"], *step["kernel"])}
    elif step["op"] == "linear":
        shapes = {"weight": (step["out"], step["features"])}
    elif step["op"] == "norm":
        names = ("weight", "bias", "running_mean", "running_var")
        return dict.fromkeys(names, (step["channels"],))
    else:
        return {}
    return {**shapes, "bias": (step["out"],)} if step["bias"] else dict(shapes)


def random_weights() -> Weights:
    """Weights that keep values in the usual range; any others take as long."""
    import numpy

    drawn = numpy.random.default_rng(0).standard_normal(1 << 16, dtype=numpy.float32)

    def weights(name: str, shape: tuple[int, ...]) -> Any:
        tensor = name.rpartition(".")[2]
        if len(shape) == 1:
            # Mean and bias 0; weight and variance of a batch norm 1.
            ones = tensor in ("weight", "running_var")
            return numpy.full(shape, 1.0 if ones else 0.0, dtype=numpy.float32)
        fan_in = math.prod(shape[1:])
        return numpy.resize(drawn, shape) * numpy.float32(math.sqrt(2.0 / fan_in))

    return weights


def last_uses(steps: list[dict[str, Any]]) -> list[list[int]]:
    """For each step the values that nobody reads after it."""
    last = {value: index for index, step in enumerate(steps) for value in step["of"]}
    done: list[list[int]] = [[] for _ in steps]
    for value, index in last.items():
        done[index].append(value)
    return done


def chained(programs: list[Program]) -> Program:
    """One program that runs the others in turn."""
    steps: list[dict[str, Any]] = []
    for number, program in enumerate(programs):
        before = len(steps)
        for step in program["steps"]:
            moved = {**step, "of": [value + before for value in step["of"]]}
            if "name" in step:
                moved["name"] = f"{number}.{step['name']}"
            steps.append(moved)
    return {"input": programs[0]["input"], "output": programs[-1]["output"], "steps": steps}
