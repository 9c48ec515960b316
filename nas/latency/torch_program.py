"""A program as a PyTorch module; part of the stand-alone script, so torch is imported late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas.latency.program import Program, last_uses


def torch_module(program: Program) -> Any:
    """The module of a program, with torch's own initial weights.

    Maps images (N, channels, height, width) to the last step's value.
    """
    import torch
    from torch import nn

    steps, done = program["steps"], last_uses(program["steps"])

    class ProgramModule(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(
                _torch_layer(step, overwrites=bool({*step["of"]} & {*done[index]} - {0}))
                for index, step in enumerate(steps)
            )

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            values = {0: images}
            for index, layer in enumerate(self.layers):
                values[index + 1] = layer(*[values[value] for value in steps[index]["of"]])
                # Freed as in an ordinary network, so that memory is used again while it is warm.
                for value in done[index]:
                    del values[value]
            return values[len(steps)]

    return ProgramModule()


def _torch_layer(step: dict[str, Any], *, overwrites: bool) -> Any:
    # `overwrites`: nobody else reads the input, so that it may be replaced, as networks do.
    from torch import nn

    if step["op"] == "conv":
        return nn.Conv2d(
            step["channels"],
            step["out"],
            tuple(step["kernel"]),
            tuple(step["stride"]),
            tuple(step["padding"]),
            tuple(step["dilation"]),
            step["groups"],
            bias=step["bias"],
        )
    if step["op"] == "norm":
        return nn.BatchNorm2d(step["channels"], eps=step["eps"])
    if step["op"] == "linear":
        return nn.Linear(step["features"], step["out"], bias=step["bias"])
    if step["op"] == "activation":
        return _torch_activation(step["kind"], overwrites)
    return _torch_function(step)


def _torch_activation(kind: str, overwrites: bool) -> Any:
    from torch import nn

    if kind in ("gelu", "sigmoid"):
        return nn.GELU() if kind == "gelu" else nn.Sigmoid()
    kinds = {
        "silu": nn.SiLU,
        "relu": nn.ReLU,
        "relu6": nn.ReLU6,
        "hard-swish": nn.Hardswish,
        "hard-sigmoid": nn.Hardsigmoid,
    }
    return kinds[kind](inplace=overwrites)


def _torch_function(step: dict[str, Any]) -> Any:
    """A step without weights, as a module."""
    import torch
    from torch import nn
    from torch.nn import functional

    def pooled(values: Any) -> Any:
        if step["op"] == "max_pool":
            return functional.max_pool2d(
                values, step["kernel"], step["stride"], step["padding"], ceil_mode=step["ceil"]
            )
        return functional.avg_pool2d(
            values,
            step["kernel"],
            step["stride"],
            step["padding"],
            ceil_mode=step["ceil"],
            count_include_pad=step["count_padding"],
        )

    functions: dict[str, Callable[..., Any]] = {
        "add": lambda first, second: first + second,
        "mul": lambda first, second: first * second,
        "mean": lambda values: values.mean((2, 3), keepdim=step["keep"]),
        "flatten": lambda values: torch.flatten(values, 1),
        "scale": lambda values: values * float(step["by"]),
        "concat": lambda *values: torch.cat(values, 1),
        "max_pool": pooled,
        "mean_pool": pooled,
        "widen": lambda values: functional.pad(values, (0, 0, 0, 0, 0, step["by"])),
    }
    function = functions[step["op"]]

    class Step(nn.Module):
        def forward(self, *values: torch.Tensor) -> Any:
            return function(*values)

    return Step()
