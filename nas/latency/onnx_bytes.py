"""A program as an ONNX file's bytes, written field by field: no package is needed for it.

Part of the stand-alone script. The exporter of torch takes ten seconds for a network and a table
needs hundreds of small ones; the machine that measures need not have torch at all. Field numbers
are onnx.proto's (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). As torch's exporter does,
SiLU is written as a sigmoid and a product, and batch norm as its own node, which the runtime folds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from nas.latency.program import Program, Weights, weight_shapes

OPSET = 17
_IR_VERSION = 8
_FLOAT, _INT64 = 1, 7


def onnx_bytes(program: Program, weights: Weights, batch: int = 1) -> bytes:
    """The model: "images" (batch, channels, height, width) to "output"."""
    graph = b""
    for index, step in enumerate(program["steps"]):
        name = f"value{index + 1}"
        inputs = [_value(value) for value in step["of"]]
        tensors = {
            tensor: weights(f"{step['name']}.{tensor}", shape)
            for tensor, shape in weight_shapes(step).items()
        }
        for tensor, array in tensors.items():
            graph += _field(5, _tensor(f"{name}.{tensor}", array.shape, array.tobytes()))
        graph += _nodes(step, inputs, [f"{name}.{tensor}" for tensor in tensors], name)
    graph += _field(2, b"network")
    graph += _field(11, _value_info("images", (batch, *program["input"])))
    output = _value(len(program["steps"]))
    graph += _field(12, _value_info(output, (batch, *program["output"])))
    opset = _field(1, b"") + _number(2, OPSET)
    return _number(1, _IR_VERSION) + _field(2, b"nas") + _field(7, graph) + _field(8, opset)


def _value(index: int) -> str:
    return "images" if index == 0 else f"value{index}"


def _nodes(step: dict[str, Any], inputs: list[str], tensors: list[str], output: str) -> bytes:
    op, both = step["op"], [*inputs, *tensors]
    if op == "conv":
        return _node(
            "Conv",
            both,
            output,
            kernel_shape=step["kernel"],
            strides=step["stride"],
            pads=[*step["padding"], *step["padding"]],
            dilations=step["dilation"],
            group=step["groups"],
        )
    if op == "norm":
        return _node("BatchNormalization", both, output, epsilon=float(step["eps"]))
    if op == "linear":
        return _node("Gemm", both, output, transB=1)
    if op == "activation":
        return _activation(step["kind"], inputs[0], output)
    if op == "mean":
        return _node("ReduceMean", inputs, output, axes=[2, 3], keepdims=int(step["keep"]))
    if op == "flatten":
        return _node("Flatten", inputs, output, axis=1)
    if op in ("add", "mul"):
        return _node({"add": "Add", "mul": "Mul"}[op], inputs, output)
    if op == "scale":
        return _constant(f"{output}.by", step["by"]) + _node(
            "Mul", [inputs[0], f"{output}.by"], output
        )
    if op == "concat":
        return _node("Concat", inputs, output, axis=1)
    if op == "widen":
        # Zeros behind the channels: the starts of four dimensions, then their ends.
        pads = struct.pack("<8q", 0, 0, 0, 0, 0, step["by"], 0, 0)
        tensor = _tensor(f"{output}.pads", (8,), pads, _INT64)
        return _field(5, tensor) + _node("Pad", [inputs[0], f"{output}.pads"], output)
    if op in ("max_pool", "mean_pool"):
        counts = {} if op == "max_pool" else {"count_include_pad": int(step["count_padding"])}
        return _node(
            "MaxPool" if op == "max_pool" else "AveragePool",
            inputs,
            output,
            kernel_shape=step["kernel"],
            strides=step["stride"],
            pads=[*step["padding"], *step["padding"]],
            ceil_mode=int(step["ceil"]),
            **counts,
        )
    raise ValueError(f"unknown step '{op}'")


def _activation(kind: str, source: str, output: str) -> bytes:
    if kind in ("relu", "sigmoid", "hard-swish"):
        name = {"relu": "Relu", "sigmoid": "Sigmoid", "hard-swish": "HardSwish"}[kind]
        return _node(name, [source], output)
    if kind == "hard-sigmoid":
        return _node("HardSigmoid", [source], output, alpha=1 / 6, beta=0.5)
    if kind == "silu":
        gate = f"{output}.gate"
        return _node("Sigmoid", [source], gate) + _node("Mul", [source, gate], output)
    if kind == "relu6":
        low, high = f"{output}.low", f"{output}.high"
        limits = _constant(low, 0.0) + _constant(high, 6.0)
        return limits + _node("Clip", [source, low, high], output)
    if kind == "gelu":
        # x / 2 * (1 + erf(x / sqrt 2))
        names = {part: f"{output}.{part}" for part in ("root", "in", "erf", "one", "sum", "half")}
        constants = _constant(names["root"], 2**-0.5) + _constant(names["one"], 1.0)
        return (
            constants
            + _constant(names["half"], 0.5)
            + _node("Mul", [source, names["root"]], names["in"])
            + _node("Erf", [names["in"]], names["erf"])
            + _node("Add", [names["erf"], names["one"]], names["sum"])
            + _node("Mul", [source, names["sum"]], f"{output}.product")
            + _node("Mul", [f"{output}.product", names["half"]], output)
        )
    raise ValueError(f"unknown activation '{kind}'")


def _constant(name: str, value: float) -> bytes:
    return _field(5, _tensor(name, (), struct.pack("<f", value)))


def _node(kind: str, inputs: Iterable[str], output: str, **attributes: Any) -> bytes:
    content = b"".join(_field(1, name.encode()) for name in inputs)
    content += _field(2, output.encode()) + _field(3, output.encode()) + _field(4, kind.encode())
    for name, value in attributes.items():
        content += _field(5, _attribute(name, value))
    return _field(1, content)


def _attribute(name: str, value: int | float | list[int]) -> bytes:
    content = _field(1, name.encode())
    if isinstance(value, float):
        return content + _key(2, 5) + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return content + _number(3, value) + _number(20, 2)
    return content + b"".join(_number(8, each) for each in value) + _number(20, 7)


def _tensor(name: str, shape: Iterable[int], raw: bytes, kind: int = _FLOAT) -> bytes:
    dimensions = b"".join(_number(1, side) for side in shape)
    return dimensions + _number(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value_info(name: str, shape: Iterable[int]) -> bytes:
    sides = b"".join(_field(1, _number(1, side)) for side in shape)
    tensor = _number(1, _FLOAT) + _field(2, sides)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, content: bytes) -> bytes:
    return _key(number, 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _key(number, 0) + _varint(value)


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
