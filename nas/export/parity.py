"""Whether what was written computes what the network computes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nas.export.errors import ExportError
from nas.model import Network

IMAGES = 4
"""Images that the logits are compared on: in batches of 1 and 3, so that no batch size is baked in.

Four are enough: one wrong layer moves every logit of every image.
"""


ROUNDINGS = 3
"""How many of the network's own float32 roundings two right computations may lie apart.

Each lies about one rounding from the exact logits, in its own direction: two, and one for luck.
"""

ROUNDING_LIMIT = 1e-3
"""The share of the largest logit above which rounding excuses nothing: it could hide a fault."""


@dataclass(frozen=True)
class Parity:
    """The largest difference of a logit over `images` images.

    It may be `tolerance` times the largest logit: the logits of random weights can be of any
    size, and 1e-5 of a thousandth would pass anything. Where that is not enough, `rounding` holds
    how far float32 takes the network's own logits from float64's (else it is None): no file can
    agree better, and `ROUNDINGS` times as much passes.
    """

    difference: float
    largest_logit: float
    images: int
    tolerance: float
    rounding: float | None = None

    @property
    def allowed(self) -> float:
        """The largest difference that passes."""
        allowed = self.tolerance * self.largest_logit
        if self.rounding is None or self.rounding > ROUNDING_LIMIT * self.largest_logit:
            return allowed
        return max(allowed, ROUNDINGS * self.rounding)

    @property
    def passed(self) -> bool:
        """Whether the two compute the same."""
        return math.isfinite(self.largest_logit) and self.difference <= self.allowed


def compare(network: Network, exported: Callable[[Tensor], Tensor], *, tolerance: float) -> Parity:
    """Compare logits on seeded random images at the network's resolution.

    `exported` maps images (N, C, px, px) to logits (N, classes).
    Raises: ExportError, in one line, if they differ by more than is allowed.
    """
    spec = network.spec
    source = torch.Generator().manual_seed(0)
    shape = (IMAGES, spec.in_channels, spec.resolution, spec.resolution)
    images = torch.randn(shape, generator=source)
    with torch.inference_mode():
        batches = (images[:1], images[1:])
        expected = torch.cat([network(batch) for batch in batches])
        found = torch.cat([exported(batch) for batch in batches])
    parity = Parity(
        difference=(found - expected).abs().max().item(),
        largest_logit=expected.abs().max().item(),
        images=IMAGES,
        tolerance=tolerance,
    )
    if not math.isfinite(parity.largest_logit):
        raise ExportError(
            "the network's own logits are not finite, so nothing can be compared with them; "
            "export other weights, or another --seed"
        )
    if parity.passed:
        return parity
    parity = replace(parity, rounding=_rounding(network, images))
    if not parity.passed:
        raise ExportError(
            f"parity failed: logits differ by {parity.difference:.2g} on {IMAGES} images, where "
            f"{parity.allowed:.2g} is allowed ({tolerance:g} of the largest logit, "
            f"{parity.largest_logit:.3g}; float32 rounding alone moves the network's own by "
            f"{parity.rounding:.2g}); nothing was written, please report this network"
        )
    return parity


def _rounding(network: Network, images: Tensor) -> float:
    """How far float32 takes the logits from float64's: no file can agree better than that."""
    with torch.inference_mode():
        exact = copy.deepcopy(network).double()(images.double())
        return float((network(images) - exact).abs().max())
