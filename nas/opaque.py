"""Networks that are known by what they cost, not as specs.

DenseNet's concatenations and Inception's branches are no chain of blocks, so no `ArchSpec` holds
them. A library builds them, and torch counts the built network on the meta device; the counts at
the published size are kept here, so that naming one loads no torch. A test counts them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.errors import NasError, one_line

if TYPE_CHECKING:
    from nas.counting import Counted

CLASSES = 1000
IN_CHANNELS = 3


@dataclass(frozen=True)
class OpaqueNetwork:
    """A network that torchvision builds, and what it costs at its published size.

    The figures are for one image of `resolution` px a side, 3 input channels and 1000 classes, as
    in `nas.arithmetic.Cost`. `settings` are passed to the builder `torchvision.models.BUILDER`.
    """

    name: str
    builder: str
    resolution: int
    source: str
    flops: int
    params: int
    activations: int
    weight_bytes: int
    settings: tuple[tuple[str, Any], ...] = ()

    def count(self, *, resolution: int | None = None, classes: int | None = None) -> Counted:
        """Build the network on the meta device and count it, at its own size unless told.

        Raises: NasError if torchvision is absent, or the network cannot take that size.
        """
        side = resolution or self.resolution
        try:
            import torch
            from torchvision import models

            from nas.counting import count

            with torch.device("meta"):
                network = getattr(models, self.builder)(
                    num_classes=classes or CLASSES, **dict(self.settings)
                )
            return count(network, IN_CHANNELS, side)
        except ImportError as error:
            raise NasError(
                f"{self.name} is built by torchvision, which cannot be imported "
                f"({one_line(error)}); install compound-nas[train], or ask for its own "
                f"{self.resolution} px and {CLASSES} classes, which are known"
            ) from error
        except RuntimeError as error:
            raise NasError(
                f"{self.name} cannot be counted at {side} px: {one_line(error)}; "
                f"its own size is {self.resolution} px"
            ) from error


_DENSENET = "arXiv 1608.06993, Table 1"

OPAQUE_NETWORKS = {
    network.name: network
    for network in (
        OpaqueNetwork(
            name="densenet-121",
            builder="densenet121",
            resolution=224,
            source=_DENSENET,
            flops=2_834_161_664,
            params=7_978_856,
            activations=6_899_200,
            weight_bytes=32_250_016,
        ),
        OpaqueNetwork(
            name="densenet-169",
            builder="densenet169",
            resolution=224,
            source=_DENSENET,
            flops=3_359_843_328,
            params=14_149_480,
            activations=7_300_608,
            weight_bytes=57_231_520,
        ),
        OpaqueNetwork(
            name="densenet-201",
            builder="densenet201",
            resolution=224,
            source=_DENSENET,
            flops=4_291_365_888,
            params=20_013_928,
            activations=7_852_544,
            weight_bytes=80_971_936,
        ),
        # Without the auxiliary classifier, which only training uses: 23.8M parameters, not 27.2M.
        OpaqueNetwork(
            name="inception-v3",
            builder="inception_v3",
            resolution=299,
            source="arXiv 1512.00567, Table 1",
            flops=5_713_216_096,
            params=23_834_568,
            activations=8_967_488,
            weight_bytes=95_476_000,
            settings=(("aux_logits", False), ("init_weights", False), ("transform_input", False)),
        ),
    )
}
