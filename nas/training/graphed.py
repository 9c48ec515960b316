"""A whole training step as one CUDA graph: hundreds of kernels for a single launch.

The captured function is the one that the eager loop calls. Captured are its kernels with their
addresses, so a batch is copied into the same two tensors each time, the learning rate lies in a
tensor (`set_rate` fills it), and the generators are registered, so that every replay draws anew.
What takes part on the CPU cannot be captured; `why_not_captured` names it.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from nas.training.recipe import Recipe
from nas.training.step import TrainingStep

WARM_UP_STEPS = 3
"""Steps that run eagerly before the capture: cuDNN chooses its kernels and the optimiser makes its
state in them. They are ordinary steps of the training, on a stream of their own, as torch asks."""


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

    A batch of another size is run eagerly. Where the capture fails, all steps are, and a warning
    names the reason once.
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
        if self.reason is not None or self._calls <= WARM_UP_STEPS:
            return self._aside(images, labels)
        if self.step.accumulation > 1:
            self.reason = "the batch did not fit, and halves need the memory of a graph"
            return self.step(images, labels)
        return self._capture(images, labels)

    def _aside(self, images: Tensor, labels: Tensor) -> Tensor:
        if self.reason is not None:
            return self.step(images, labels)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            loss = self.step(images, labels)
        torch.cuda.current_stream().wait_stream(stream)
        return loss

    def _capture(self, images: Tensor, labels: Tensor) -> Tensor:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.step.generator)
        self._images, self._labels = images.clone(), labels.clone()
        self.step.optimizer.zero_grad(set_to_none=True)
        try:
            with torch.cuda.graph(graph):
                # Not the step's call, which would answer a lack of memory inside of the capture.
                self._loss = self.step.update(*self.step.prepare(self._images, self._labels))
        except torch.OutOfMemoryError:
            self.reason = "the GPU has no memory for a graph beside the training"
        except Exception as error:
            self.reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        if self.reason is None:
            # Capturing computes nothing: the batch's own step is the first replay.
            self._graph = graph
            return self._replay(images, labels)
        # Outside of the handlers: an error keeps what filled the memory alive.
        warnings.warn(
            f"steps run one kernel at a time, since they cannot be captured: {self.reason}",
            stacklevel=2,
        )
        self._images = self._labels = torch.empty(0)
        self.step.optimizer.zero_grad(set_to_none=True)
        del graph
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return self.step(images, labels)

    def _replay(self, images: Tensor, labels: Tensor) -> Tensor:
        assert self._graph is not None
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._loss
