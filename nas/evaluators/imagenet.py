"""`imagenet`: ImageNet accuracy predicted from 4,133 really trained networks of space `mbconv`.

Every figure is the top-1 accuracy of a shortened recipe (16 epochs, ReLU; Accel-NASBench): B0 gets
about 65.7 %, not the 77.1 % of a full training. See data/imagenet_predictor.md.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from nas.errors import EvaluationError
from nas.evaluators.base import Accuracy, EvaluationContext
from nas.search_spaces.efficientnet import B0_STAGES, efficientnet_b0
from nas.search_spaces.mbconv import MBConvSpace
from nas.space import random_network
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from nas.evaluators.imagenet_model import ImagenetModel

SOURCE = "predicted ImageNet top-1 under Accel-NASBench's 16-epoch recipe"

_CHOICES = ("expand", "kernel", "layers", "se")


class ImagenetPredictor:
    """Predicts from the 28 choices of `mbconv`; numpy alone, microseconds a network in batch."""

    name = "imagenet"
    cheap = True

    def __init__(self) -> None:
        self._space = MBConvSpace()

    @cached_property
    def _model(self) -> ImagenetModel:
        from nas.evaluators.imagenet_model import ImagenetModel

        return ImagenetModel.load()

    def prepare(self, context: EvaluationContext) -> None:
        """Check that the predictor knows the networks of this space."""
        if context.space is not None:
            arch, _ = random_network(context.space, context.seed)
            try:
                self._codes(arch)
            except EvaluationError:
                raise EvaluationError(
                    f"space '{context.space.name}' (at these settings) has no ImageNet predictor: "
                    "it was fitted on networks of 'mbconv' at 224 px with 1000 classes; give "
                    "images with --data DIR, or another --evaluator"
                ) from None

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Accuracy:
        """Predicted top-1 with the standard deviation of a new one-seed training."""
        started = time.perf_counter()
        mean, sd = self._model.predict(self._codes(arch))
        return Accuracy(
            float(mean[0]), SOURCE, sd=float(sd[0]), seconds=time.perf_counter() - started
        )

    def device_metrics(self) -> dict[str, str]:
        """The devices of the table, with units."""
        return {metric: unit for metric, (_, unit) in self._devices.items()}

    def device_figure(self, metric: str, arch: ArchSpec) -> float:
        """Predicted latency in ms or throughput in images/s of `arch` on a device."""
        name, _ = self._devices[metric]
        return float(self._model.predict_device(name, self._codes(arch))[0])

    @cached_property
    def _devices(self) -> dict[str, tuple[str, str]]:
        kinds = {"thr": ("throughput", "images/s"), "lat": ("latency", "ms")}
        devices = {}
        for name in self._model.devices:
            prefix, _, device = name.partition("_")
            kind, unit = kinds[prefix]
            devices[f"{kind}:{device}"] = (name, unit)
        return devices

    def _codes(self, arch: ArchSpec) -> list[list[int]]:
        """The 28 choices in the model's order: all expands, kernels, layers, squeeze-excites."""
        params = self._space.parameters(arch)
        reference = efficientnet_b0()
        same_task = (arch.resolution, arch.classes, arch.in_channels) == (
            reference.resolution,
            reference.classes,
            reference.in_channels,
        )
        if params is None or not same_task:
            raise EvaluationError(
                f"network {arch.name or arch.digest()} is not in space 'mbconv' at 224 px with "
                "1000 classes, the only networks that the ImageNet predictor knows; train it on "
                "images with --data DIR"
            )
        stages = range(len(B0_STAGES))
        return [[int(params[f"stage{s}.{choice}"]) for choice in _CHOICES for s in stages]]
