"""Several processes, one training: what torchrun starts, each with a share of every batch.

All processes hold the same network and draw the same order and the same augmentation for the
whole batch; each takes its part. On CUDA the batch norms are synchronised, so that n processes
train as one does; torch has no such batch norm for the CPU, where each process normalises by its
own part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nas.data.memory import MEMORY_SHARE, available_memory_bytes
from nas.errors import TrainingError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """A process among those that train together; one by default."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def share(self, batch_size: int) -> int:
        """How many images of every batch are this process's.

        Raises: TrainingError if they cannot be shared evenly.
        """
        if batch_size % self.count:
            raise TrainingError(
                f"the batch size {batch_size} is not a multiple of the {self.count} processes; "
                f"use {batch_size // self.count * self.count or self.count}"
            )
        return batch_size // self.count

    def own_part(self, order: Tensor, batch_size: int) -> Tensor:
        """Of an order of whole batches, the indices that this process reads."""
        share = self.share(batch_size)
        start = self.rank * share
        return order.view(-1, batch_size)[:, start : start + share].reshape(-1)

    def add_up(self, values: Tensor) -> None:
        """Replace `values` by its sum over the processes."""
        if self.count > 1:
            dist.all_reduce(values)

    def agree(self, value: T) -> T:
        """The leader's `value`, for all."""
        if self.count == 1:
            return value
        said = [value]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def pixel_memory_bytes(self) -> int:
        """What decoded images of one kind may take in each process, the same in all.

        Who streams its images counts those that cannot be read, who holds them does not: were some
        to stream and others not, they would draw different orders.
        """
        here = int(os.environ.get("LOCAL_WORLD_SIZE", self.count)) if self.count > 1 else 1
        return self.agree(int(MEMORY_SHARE * available_memory_bytes() / max(1, here)))

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The module to call in training: gradients are averaged over the processes."""
        if self.count == 1:
            return network
        devices = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(network, device_ids=devices)


def current_processes() -> Processes:
    """The processes of the group that this one has joined; itself alone if none."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


@contextmanager
def joined(device: str | None = None) -> Iterator[Processes]:
    """Join the processes that torchrun started; alone where it did not.

    On CUDA each process takes the GPU of its local rank, and NCCL connects them; else gloo.
    device: where they are to train, None for the best there is.
    Raises: TrainingError if there are fewer GPUs than processes of this machine, or `device` is one
    for all.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield Processes()
        return
    if device is not None and device.startswith("cuda:"):
        raise TrainingError(
            f"--device is {device}, and torchrun gives each process a GPU of its own; use cuda, "
            "and CUDA_VISIBLE_DEVICES to choose some"
        )
    cuda = torch.cuda.is_available() and device in (None, "cuda")
    if cuda:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise TrainingError(
                f"process {local} of this machine has no GPU: there are "
                f"{torch.cuda.device_count()}; start torchrun with as many processes"
            )
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield current_processes()
    finally:
        dist.destroy_process_group()


@contextmanager
def synchronised_norms(
    network: nn.Module, processes: Processes, device: torch.device
) -> Iterator[None]:
    """Batch norms over the whole batch, on CUDA with several processes; put back afterwards."""
    if processes.count == 1 or device.type != "cuda":
        yield
        return
    own = [
        (parent, name, child)
        for parent in list(network.modules())
        for name, child in parent.named_children()
        if isinstance(child, nn.modules.batchnorm._BatchNorm)
    ]
    nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        # The converted norms hold the same weights and statistics, so nothing has to be copied.
        for parent, name, child in own:
            setattr(parent, name, child)
