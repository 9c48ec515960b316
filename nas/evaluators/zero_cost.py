"""`zero-cost`: scores that rank networks without training, and are no accuracies.

Two are offered, because nothing else that was tried orders networks of equal FLOPs as well; how
well they do is printed with every result.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from nas.cost import network_cost
from nas.errors import ConfigError, EvaluationError
from nas.evaluators.base import EvaluationContext, Score
from nas.registry import did_you_mean
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from nas.model import Network

# Kendall's tau with the accuracy of 423 really trained networks of Accel-NASBench: among the 200
# of 350-450M multiply-adds. Both were measured at 64 px.
TAU = {"log-synflow": 0.62, "params": 0.58}
LARGEST_PX = 64
"""Side of the input that log-synflow sees at most; its tau was measured with it."""

_SEED = 0


class ZeroCost:
    """log-synflow (option metric=log-synflow, the default) or parameters (metric=params)."""

    name = "zero-cost"
    cheap = True
    gives_scores = True
    option_names = ("metric",)

    def __init__(self) -> None:
        self._metric = "log-synflow"

    def prepare(self, context: EvaluationContext) -> None:
        """Read the option. Raises: ConfigError for an unknown metric."""
        metric = str(context.options.get("metric", self._metric))
        if metric not in TAU:
            raise ConfigError(f"zero-cost has no metric '{metric}'; {did_you_mean(metric, TAU)}")
        self._metric = metric

    def evaluate(self, arch: ArchSpec, *, seed: int) -> Score:
        """The network's score; the same whatever the seed."""
        started = time.perf_counter()
        if self._metric == "params":
            value = float(network_cost(arch).params)
        else:
            from nas.model import build

            network = build(arch, seed=_SEED)
            value = log_synflow(network, min(arch.resolution, LARGEST_PX))
        return Score(value, self.source, seconds=time.perf_counter() - started)

    @property
    def source(self) -> str:
        """What the score is and how far it can be trusted."""
        what = "log-synflow" if self._metric == "log-synflow" else "the number of parameters"
        return (
            f"{what}, a score and no accuracy (Kendall tau {TAU[self._metric]:.2f} with real "
            "accuracies at equal FLOPs, on Accel-NASBench rows)"
        )


def log_synflow(network: Network, px: int) -> float:
    """The sum over convolution and linear weights of |w| * log(1 + dR/d|w|).

    R is the sum of the outputs for an image of ones, with every weight and bias replaced by its
    magnitude (SynFlow: Tanaka et al., 2006.05467; the logarithm: FreeREA, 2207.05135). Batch norms
    are passed by: as published they are in evaluation, where a fresh norm is the identity but for
    its eps, and what a trained one holds must not count. In double precision: R overflows floats.
    The network is left as it was.
    Raises: EvaluationError if the sum is not finite.
    """
    import copy
    import math

    import torch
    from torch import nn

    linear = copy.deepcopy(network).double().eval()
    weights: list[nn.Parameter] = []
    for module in linear.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.forward = _unchanged  # type: ignore[method-assign, assignment]
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            weights.append(cast("nn.Parameter", module.weight))
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.abs_()
    image = torch.ones(1, network.spec.in_channels, px, px, dtype=torch.float64)
    gradients = torch.autograd.grad(linear(image).sum(), weights)
    total = 0.0
    for weight, gradient in zip((w.detach() for w in weights), gradients, strict=True):
        total += float((weight * gradient.log1p()).abs().sum())
    if not math.isfinite(total):
        raise EvaluationError(f"log-synflow of network {network.spec.digest()[:8]} is not finite")
    return total


def _unchanged(features: Any) -> Any:
    return features
