"""A whole training step as one CUDA graph: hundreds of kernels for a single launch.

The captured function is the one that the eager loop calls. Captured are its kernels with their
addresses, so a batch is copied into the same two tensors each time, the learning rate lies in a
tensor (`set_rate` fills it), and the generators are registered, so that every replay draws anew.
What takes part on the CPU cannot be captured; `why_not_captured` names it.
"""

from __future__ import annotations

import warnings
from contextlib import suppress

import torch
from torch import Tensor

from nas.training.capture import captured, host_waits, side_stream
from nas.training.recipe import Recipe
from nas.training.step import TrainingStep

WARM_UP_STEPS = 3
"""Steps that run eagerly before the capture: cuDNN chooses its kernels and the optimiser makes its
state in them. They are ordinary steps of the training, on a stream of their own, as torch asks. In
the last of them is looked for what would make a capture fail."""


def why_not_captured(recipe: Recipe) -> str | None:
    """Which part of a recipe's step the CPU takes part in; None where all of it is the GPU's."""
    if recipe.auto_augment:
        return f"auto_augment '{recipe.auto_augment}' works on the CPU, image by image"
    if recipe.mixup or recipe.cutmix:
        return "mixup and cutmix draw on the CPU"
    if recipe.optimizer == "rmsprop":
        return "timm's RMSprop takes its learning rate from the CPU"
    return None


class GraphedStep:
    """`step`, eager at first and then as a graph; a call is as a call of `step`.

    The step's device must be the current one. A batch of another size is run eagerly. Where a step
    cannot be captured all are, and a warning names the reason once.
    """

    def __init__(self, step: TrainingStep) -> None:
        self.step = step
        self.reason: str | None = None
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._images = self._labels = self._loss = torch.empty(0)

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Stored uint8 (B, 3, px, px) and labels (B,) to the loss, which the next call replaces."""
        self._calls += 1
        if self._graph is not None and images.shape == self._images.shape:
            return self._replay(images, labels)
        if self._graph is not None or self.reason is not None:
            return self.step(images, labels)
        if self._calls < WARM_UP_STEPS:
            return self._aside(images, labels)
        if self._calls == WARM_UP_STEPS:
            return self._watched(images, labels)
        if self.step.accumulation > 1:
            self.reason = "the batch did not fit, and halves need the memory of a graph"
            return self.step(images, labels)
        return self._capture(images, labels)

    def _aside(self, images: Tensor, labels: Tensor) -> Tensor:
        own, stream = torch.cuda.current_stream(), side_stream(self.step.device.index)
        stream.wait_stream(own)
        with torch.cuda.stream(stream):
            loss = self.step(images, labels)
        own.wait_stream(stream)
        return loss

    def _watched(self, images: Tensor, labels: Tensor) -> Tensor:
        with host_waits() as places:
            loss = self._aside(images, labels)
        # A batch that did not fit empties the cache, which waits, and is run in halves from now on.
        if places and self.step.accumulation == 1:
            self.reason = f"{places[0]}, makes the host wait for the GPU"
            self._warn()
        return loss

    def _capture(self, images: Tensor, labels: Tensor) -> Tensor:
        self._images, self._labels = images.clone(), labels.clone()
        self.step.optimizer.zero_grad(set_to_none=True)

        def work() -> None:
            # Not the step's call, which would answer a lack of memory inside of the capture.
            self._loss = self.step.update(*self.step.prepare(self._images, self._labels))

        try:
            stream = side_stream(self.step.device.index)
            self._graph = captured(work, stream, [self.step.generator])
        except torch.OutOfMemoryError:
            self.reason = "the GPU has no memory for a graph beside the training"
        except Exception as error:
            self.reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        if self._graph is not None:
            # Capturing computes nothing: the batch's own step is the first replay.
            return self._replay(images, labels)
        # Outside of the handlers: an error keeps what filled the memory alive.
        self._warn()
        self._images = self._labels = self._loss = torch.empty(0)
        self.step.optimizer.zero_grad(set_to_none=True)
        with suppress(RuntimeError):  # what is broken for good, the step itself will tell
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        return self.step(images, labels)

    def _warn(self) -> None:
        warnings.warn(
            f"steps run one kernel at a time, since they cannot be captured: {self.reason}",
            stacklevel=3,
        )

    def _replay(self, images: Tensor, labels: Tensor) -> Tensor:
        assert self._graph is not None
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._loss
