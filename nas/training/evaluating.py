"""Top-1, top-5 and loss of a network on images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.errors import TrainingError
from nas.training.augment import prepare_for_evaluation
from nas.training.devices import autocast, batches_on, chosen_device, on_device
from nas.training.distributed import Processes
from nas.training.results import Evaluation
from nas.training.source import PixelSource


def evaluate(
    network: nn.Module,
    pixels: PixelSource,
    *,
    resolution: int,
    device: str | torch.device | None = None,
    batch_size: int = 256,
    bf16: bool = False,
    processes: Processes | None = None,
) -> Evaluation:
    """Judge `network` on the centres of all images, at `resolution` px.

    The network is left on `device` (None: the best there is), in the mode it was in. bf16: compute
    in bfloat16 on CUDA. processes: share the images among them; all get the same figures.
    A batch that the device has no memory for is judged in parts, which changes nothing.
    Raises: TrainingError without images or without memory for one, DataError if none can be read.
    """
    if len(pixels) == 0:
        raise TrainingError("there are no images to evaluate on; name a folder that has some")
    where = chosen_device(device)
    shared = processes or Processes()
    network.to(where)
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    sums = torch.zeros(4, dtype=torch.float64 if where.type != "mps" else torch.float32)
    sums = sums.to(where)
    order = torch.arange(shared.rank, len(pixels), shared.count)
    source = on_device(pixels, where)
    try:
        with torch.inference_mode(), autocast(where, bf16):
            for images, labels in batches_on(where, source, order, batch_size):
                sums += _judged(network, images, labels, resolution)
    finally:
        for module, mode in modes:
            module.training = mode
    shared.add_up(sums)
    top1, top5, loss, count = sums.tolist()
    return Evaluation(top1 / count, top5 / count, loss / count, round(count))


def _judged(network: nn.Module, images: Tensor, labels: Tensor, resolution: int) -> Tensor:
    """`_sums` of a batch; of its halves where there is no memory for the whole."""
    try:
        return _sums(network(prepare_for_evaluation(images, resolution)).float(), labels)
    except torch.OutOfMemoryError:
        if len(labels) == 1:
            raise TrainingError(
                f"{images.device} has no memory to judge a single image of {resolution} px; use "
                "fewer pixels or a smaller network, or end what else runs there"
            ) from None
    # Outside of the handler: the error keeps what filled the memory alive.
    if images.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(labels) // 2
    first = _judged(network, images[:half], labels[:half], resolution)
    return first + _judged(network, images[half:], labels[half:], resolution)


def _sums(logits: Tensor, labels: Tensor) -> Tensor:
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices
    hits = best == labels[:, None]
    loss = functional.cross_entropy(logits, labels, reduction="sum")
    count = torch.full_like(loss, float(labels.shape[0]))
    return torch.stack([hits[:, 0].sum(), hits.sum(), loss, count])
