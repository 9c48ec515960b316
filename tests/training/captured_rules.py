"""What a step may not do while a CUDA graph captures it, checked where there is no GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = torch.device("cuda", 0)

# Operations that hand a number to the host, or whose result's size depends on values.
_READ_BACK = (
    "_local_scalar_dense",
    "item",
    "equal",
    "is_nonzero",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
    "repeat_interleave",
)


class IllegalError(AssertionError):
    """An operation that ends a capture."""


class CaptureRules(TorchDispatchMode):
    """Refuses what waits for the host, and copies between devices, backward passes included."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.operations += 1
        name = func._schema.name.partition("::")[2]
        tensors = [part for part in tree_leaves((args, kwargs)) if isinstance(part, Tensor)]
        if name in _READ_BACK:
            raise IllegalError(f"{func} makes the host wait")
        if name.startswith("index") and any(
            part.dtype in (torch.bool, torch.uint8)
            for part in tree_leaves(args[1])
            if isinstance(part, Tensor)
        ):
            raise IllegalError(f"{func} by a mask makes the host wait")
        if name.startswith("_fused_") and tensors[0].device == GPU:
            # torch has no rule for the shapes of these; they change their tensors in place.
            if {part.device for part in tensors} != {GPU}:
                raise IllegalError(f"{func} has tensors that are not on {GPU}")
            return None
        result = func(*args, **(kwargs or {}))
        if name in ("copy_", "_to_copy", "_copy_from"):
            made = [part for part in tree_leaves(result) if isinstance(part, Tensor)]
            devices = {part.device for part in (*tensors, *made)}
            if len(devices) > 1:
                raise IllegalError(f"{func} copies between {devices}")
        return result


@contextmanager
def pretended_gpu(bf16: bool = True) -> Iterator[None]:
    """Tensors on `GPU` have shapes and no values; mixed devices and read values are errors.

    Gradients are made up, as torch's engine asks the driver for its streams: what it runs is
    torch's own. Generators are the CPU's, for the same reason.
    """

    def backward(loss: Tensor) -> None:
        assert loss.device == GPU
        for weight in _learning(loss):
            weight.grad = torch.empty_like(weight)

    with (
        mock.patch.object(Tensor, "backward", backward),
        mock.patch("torch.cuda.amp.common.amp_definitely_not_available", return_value=False),
        mock.patch("torch.cuda.is_bf16_supported", return_value=bf16),
        mock.patch("nas.training.devices.computes_in_bf16", return_value=bf16),
        FakeTensorMode(),
    ):
        yield


def _learning(loss: Tensor) -> Iterator[Tensor]:
    """The leaves that a loss was computed from."""
    waiting, seen = [loss.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting += [following for following, _ in node.next_functions]


def on_pretended_gpu(network: nn.Module, channels_last: bool = True) -> nn.Module:
    """The network's weights and buffers without values, on `GPU`; within `pretended_gpu`."""

    def like(value: Tensor) -> Tensor:
        last = channels_last and value.ndim == 4
        layout = torch.channels_last if last else torch.contiguous_format
        return torch.empty(value.shape, dtype=value.dtype, device=GPU, memory_format=layout)

    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = nn.Parameter(like(weight))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = like(buffer)
    return network
