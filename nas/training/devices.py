"""Where a training runs, and getting images there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from nas.data.memory import room_bytes
from nas.data.pixels import Pixels
from nas.errors import TrainingError
from nas.training.source import PixelSource


def chosen_device(name: str | torch.device | None) -> torch.device:
    """The device called `name`; None is CUDA, else MPS, else the CPU.

    Raises: TrainingError if there is no such device here.
    """
    if name is None:
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"no device '{name}'; use cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda":
        # With a number always, so that equal devices compare as equal.
        index = device.index if ":" in str(device) else 0
        if ":" not in str(device) and torch.cuda.is_available():
            index = torch.cuda.current_device()
        if index >= torch.cuda.device_count():
            raise TrainingError(
                f"there is no device '{name}': torch finds {torch.cuda.device_count()} CUDA GPUs; "
                "leave the device out for the best there is"
            )
        return torch.device("cuda", index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise TrainingError("there is no device 'mps' here; leave the device out, or use cpu")
    return device


def on_device(pixels: PixelSource, device: torch.device) -> PixelSource:
    """The images on `device`; themselves if they are there, since moving a stream restarts it.

    Those that `device` has no room for stay where they are: `batches_on` moves them in parts.
    """
    if pixels.labels.device == device:
        return pixels
    if isinstance(pixels, Pixels) and pixels.images.nbytes > room_bytes(device):
        return pixels
    return pixels.to(device)


def batches_on(
    device: torch.device,
    pixels: PixelSource,
    order: Tensor,
    batch_size: int,
    *,
    whole: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """`pixels.batches`, or `whole_batches`, on `device` wherever the images lie."""
    read = pixels.whole_batches if whole else pixels.batches
    for images, labels in read(order, batch_size):
        yield _moved(images, device), _moved(labels, device)


def _moved(values: Tensor, device: torch.device) -> Tensor:
    if values.device.type == "cpu" and device.type == "cuda":
        # From pinned memory the copy goes on while the GPU computes the step before.
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def current(device: torch.device) -> AbstractContextManager[None]:
    """Make `device` the current one in this block, where it is a GPU of CUDA.

    Streams, and the graphs that are captured on them, are the current device's: another one's
    kernels would run during the capture and be missing from its replays.
    """
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """bfloat16 where it is asked for and the GPU of CUDA computes in it; else as it is."""
    wanted = bf16 and device.type == "cuda" and computes_in_bf16(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a GPU of CUDA has bfloat16 units: NVIDIA's from Ampere on, and AMD's.

    torch emulates it on older ones (T4, V100), slower than float32 and without cuDNN.
    """
    if torch.version.hip is not None:
        return True
    return torch.cuda.get_device_properties(device).major >= 8
