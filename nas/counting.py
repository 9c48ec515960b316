"""What a built module really costs, counted by torch: the yardstick of every cost rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.arithmetic import BYTES_PER_VALUE

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Counted:
    """Figures of a module that was run once, for one image; see `nas.arithmetic.Cost`.

    `shape` is the output's, without the batch.
    """

    flops: int
    params: int
    activations: int
    weight_bytes: int
    shape: tuple[int, ...]


def count(module: nn.Module, in_channels: int, size: int) -> Counted:
    """Run `module` (on the meta device) on one image of (in_channels, size, size) and count.

    FLOPs are torch's FlopCounterMode halved, because it counts two per multiply-add.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    class ConvolutionOutputs(TorchDispatchMode):  # type: ignore[no-untyped-call]
        elements = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if func is torch.ops.aten.convolution.default:
                self.elements += result.numel()
            return result

    module.eval()
    images = torch.empty(1, in_channels, size, size, device="meta")
    outputs = ConvolutionOutputs()  # type: ignore[no-untyped-call]
    with torch.no_grad(), FlopCounterMode(display=False) as flops, outputs:
        output = module(images)
    params = sum(each.numel() for each in module.parameters())
    # Running means and variances are stored too; the counter of batches is no float.
    statistics = sum(each.numel() for each in module.buffers() if each.is_floating_point())
    return Counted(
        flops=flops.get_total_flops() // 2,
        params=params,
        activations=outputs.elements,
        weight_bytes=(params + statistics) * BYTES_PER_VALUE,
        shape=tuple(output.shape[1:]),
    )
