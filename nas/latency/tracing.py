"""From a module to its program: torch.fx walks it, layer by layer."""

from __future__ import annotations

import operator
import warnings
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from nas.errors import one_line
from nas.latency.errors import LatencyError
from nas.latency.program import Program


class UntracedError(LatencyError):
    """A module with something that a program has no step for."""


_ACTIVATIONS: dict[Any, str] = {
    nn.SiLU: "silu",
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardswish: "hard-swish",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "hard-sigmoid",
    functional.relu: "relu",
    torch.relu: "relu",
    functional.silu: "silu",
    torch.sigmoid: "sigmoid",
    "sigmoid": "sigmoid",
    "relu": "relu",
}
_SAME = (nn.Identity, nn.Dropout, nn.Dropout2d)


def program_of(
    module: nn.Module, in_channels: int, side: int, output: tuple[int, ...] | None = None
) -> Program:
    """The program of `module`, which may lie on the meta device.

    side: of the square input, in pixels. output: the shape of what comes out, without the batch;
    None runs the module to find out.
    Raises: UntracedError, naming what a program has no step for.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = _Tracer().trace(module.eval())
            traced = fx.GraphModule(module, graph)
            if output is None:
                output = _output(module, in_channels, side)
    except Exception as error:
        # A module whose steps depend on values cannot be walked; it fails in its own way.
        raise UntracedError(f"torch.fx cannot trace the network: {one_line(error)}") from error
    steps = _Writer(traced).steps()
    return {"input": [in_channels, side, side], "output": list(output), "steps": steps}


def _output(module: nn.Module, in_channels: int, side: int) -> tuple[int, ...]:
    weights = next(module.parameters(), torch.empty(0))
    with torch.no_grad():
        made = module(torch.empty(1, in_channels, side, side, device=weights.device))
    return tuple(made.shape[1:])


class _Tracer(fx.Tracer):
    """Leaves batch norms whole: timm's check their input's shape, which has no value here."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether `m` is one step."""
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


class _Writer:
    """Turns the nodes of a traced module into steps."""

    def __init__(self, traced: fx.GraphModule) -> None:
        self._modules = dict(traced.named_modules())
        self._nodes = traced.graph.nodes
        self._steps: list[dict[str, Any]] = []
        self._values: dict[fx.Node, int] = {}

    def steps(self) -> list[dict[str, Any]]:
        for node in self._nodes:
            if node.op == "placeholder":
                self._values[node] = 0
            elif node.op == "output":
                if not isinstance(node.args[0], fx.Node) or (
                    self._values[node.args[0]] != len(self._steps)
                ):
                    raise UntracedError("the network's output is not one tensor, its last")
            else:
                self._values[node] = self._value(node)
        return self._steps

    def _value(self, node: fx.Node) -> int:
        if node.op == "call_module":
            return self._of_module(node, self._modules[str(node.target)])
        if node.op in ("call_function", "call_method"):
            return self._of_call(node, node.target)
        raise self._unknown(node)

    def _of_module(self, node: fx.Node, module: nn.Module) -> int:
        if isinstance(module, _SAME):
            return self._input(node)
        name = str(node.target)
        if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
            if isinstance(module.padding, str):
                raise self._unknown(node)
            return self._add(
                node,
                "conv",
                name=name,
                channels=module.in_channels,
                out=module.out_channels,
                kernel=list(module.kernel_size),
                stride=list(module.stride),
                padding=list(module.padding),
                dilation=list(module.dilation),
                groups=module.groups,
                bias=module.bias is not None,
            )
        if isinstance(module, nn.BatchNorm2d) and module.affine and module.track_running_stats:
            return self._norm(node, module)
        if type(module) in _ACTIVATIONS:
            return self._add(node, "activation", kind=_ACTIVATIONS[type(module)])
        if isinstance(module, nn.GELU) and module.approximate == "none":
            return self._add(node, "activation", kind="gelu")
        if isinstance(module, nn.Linear):
            return self._add(
                node,
                "linear",
                name=name,
                features=module.in_features,
                out=module.out_features,
                bias=module.bias is not None,
            )
        if isinstance(module, nn.MaxPool2d) and module.dilation in (1, (1, 1)):
            window = _window(module.kernel_size, module.stride, module.padding)
            return self._add(node, "max_pool", **window, ceil=bool(module.ceil_mode))
        if isinstance(module, nn.AvgPool2d) and module.divisor_override is None:
            window = _window(module.kernel_size, module.stride, module.padding)
            counts = bool(module.count_include_pad)
            ceil = bool(module.ceil_mode)
            return self._add(node, "mean_pool", **window, ceil=ceil, count_padding=counts)
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            return self._add(node, "mean", keep=True)
        if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
            return self._add(node, "flatten")
        raise self._unknown(node)

    def _norm(self, node: fx.Node, module: nn.BatchNorm2d) -> int:
        settings: dict[str, Any] = {"channels": module.num_features, "eps": module.eps}
        value = self._add(node, "norm", name=str(node.target), **settings)
        # timm's batch norms have an activation in them.
        activation = getattr(module, "act", None)
        if activation is None or isinstance(activation, _SAME):
            return value
        if type(activation) not in _ACTIVATIONS:
            raise self._unknown(node)
        kind = _ACTIVATIONS[type(activation)]
        self._steps.append({"op": "activation", "of": [value], "kind": kind})
        return len(self._steps)

    def _of_call(self, node: fx.Node, called: Any) -> int:
        arguments, settings = node.args, dict(node.kwargs)
        if called in _ACTIVATIONS:
            return self._add(node, "activation", kind=_ACTIVATIONS[called])
        if called in (operator.add, operator.iadd, torch.add, operator.mul, operator.imul):
            op = "mul" if called in (operator.mul, operator.imul) else "add"
            if all(isinstance(each, fx.Node) for each in arguments) and not settings:
                return self._add(node, op, of=arguments)
            if op == "mul" and isinstance(arguments[1], int | float):
                return self._add(node, "scale", by=float(arguments[1]))
        if called in ("mean", torch.mean):
            dims = arguments[1] if len(arguments) > 1 else settings.get("dim")
            keep = arguments[2] if len(arguments) > 2 else settings.get("keepdim", False)
            if tuple(_whole(dims)) in ((2, 3), (-2, -1)):
                return self._add(node, "mean", keep=bool(keep))
        if called in (torch.flatten, "flatten"):
            start = arguments[1] if len(arguments) > 1 else settings.get("start_dim", 0)
            if start == 1 and len(arguments) < 3 and "end_dim" not in settings:
                return self._add(node, "flatten")
        if called is functional.adaptive_avg_pool2d and arguments[1] in (1, (1, 1)):
            return self._add(node, "mean", keep=True)
        if called in (torch.cat, "cat"):
            axis = arguments[1] if len(arguments) > 1 else settings.get("dim", 0)
            parts: Any = arguments[0]
            if axis == 1:
                return self._add(node, "concat", of=tuple(parts))
        if called is functional.avg_pool2d:
            return self._mean_pool(node)
        zeros = {settings.get("mode", "constant"), settings.get("value") or 0} == {"constant", 0}
        if called is functional.pad and len(arguments) == 2 and zeros:
            pads: Any = tuple(arguments[1]) if isinstance(arguments[1], list | tuple) else ()
            if len(pads) == 6 and not any(pads[:5]):
                return self._add(node, "widen", by=int(pads[5]))
        if called is functional.max_pool2d:
            return self._max_pool(node)
        # In eval mode they hand on what they are given.
        if called in ("contiguous", functional.dropout) or _name(called) == "stochastic_depth":
            return self._input(node)
        raise self._unknown(node)

    def _max_pool(self, node: fx.Node) -> int:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
        if given.get("dilation", 1) not in (1, (1, 1)):
            raise self._unknown(node)
        window = _window(given["kernel_size"], given.get("stride"), given.get("padding", 0))
        return self._add(node, "max_pool", **window, ceil=bool(given.get("ceil_mode", False)))

    def _mean_pool(self, node: fx.Node) -> int:
        names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
        given = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
        if len(node.args) > 6 or given.get("divisor_override") is not None:
            raise self._unknown(node)
        window = _window(given["kernel_size"], given.get("stride"), given.get("padding", 0))
        ceil, counts = given.get("ceil_mode", False), given.get("count_include_pad", True)
        return self._add(node, "mean_pool", **window, ceil=bool(ceil), count_padding=bool(counts))

    def _add(
        self, node: fx.Node, op: str, *, of: tuple[Any, ...] | None = None, **settings: Any
    ) -> int:
        sources = [self._values[each] for each in (of or (node.args[0],))]
        self._steps.append({"op": op, "of": sources, **settings})
        return len(self._steps)

    def _input(self, node: fx.Node) -> int:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        return self._values[source]

    def _unknown(self, node: fx.Node) -> UntracedError:
        what = _name(node.target)
        if node.op == "call_module":
            what = f"{type(self._modules[str(node.target)]).__name__} ({node.target})"
        return UntracedError(f"a latency program has no step for {what}")


def _name(called: Any) -> str:
    return str(getattr(called, "__name__", called))


def _window(kernel: Any, stride: Any, padding: Any) -> dict[str, Any]:
    return {
        "kernel": _pair(kernel),
        "stride": _pair(kernel if stride is None else stride),
        "padding": _pair(padding),
    }


def _pair(value: Any) -> list[int]:
    sides = _whole(value)
    return sides * 2 if len(sides) == 1 else sides


def _whole(value: Any) -> list[int]:
    return [int(each) for each in value] if isinstance(value, list | tuple) else [int(value)]
