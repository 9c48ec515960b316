"""The released EfficientNet family, B0..B7.

No single phi of (1.2, 1.1, 1.15) yields these: they are copied from the authors' released
builder, not computed. See `nas family` for both, side by side.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from nas.errors import SpecError
from nas.registry import did_you_mean
from nas.scaling.transform import scale
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec


@dataclass(frozen=True)
class PublishedCoefficients:
    """One released model: width and depth multipliers, input side in pixels, dropout."""

    width: float
    depth: float
    resolution_px: int
    dropout: float


# Source: tensorflow/tpu, models/official/efficientnet/efficientnet_builder.py (unchanged since the
# release of May 2019).
COEFFICIENTS = {
    "b0": PublishedCoefficients(1.0, 1.0, 224, 0.2),
    "b1": PublishedCoefficients(1.0, 1.1, 240, 0.2),
    "b2": PublishedCoefficients(1.1, 1.2, 260, 0.3),
    "b3": PublishedCoefficients(1.2, 1.4, 300, 0.3),
    "b4": PublishedCoefficients(1.4, 1.8, 380, 0.4),
    "b5": PublishedCoefficients(1.6, 2.2, 456, 0.4),
    "b6": PublishedCoefficients(1.8, 2.6, 528, 0.5),
    "b7": PublishedCoefficients(2.0, 3.1, 600, 0.5),
}


BASELINE_PX = COEFFICIENTS["b0"].resolution_px


def published_member(
    member: str, baseline: ArchSpec | None = None, *, resolution_multiple: int = 8
) -> ArchSpec:
    """The released member "b0".."b7", of EfficientNet-B0 or of another `baseline`.

    A baseline at 224 px gets the released pixels as they stand. Another's side grows in the same
    proportion, rounded to `resolution_multiple`, so that b0 is always the baseline itself. Members
    above b0 take the released dropout.
    Raises: SpecError for another name.
    """
    if member not in COEFFICIENTS:
        raise SpecError(f"no published member '{member}'; {did_you_mean(member, COEFFICIENTS)}")
    row = COEFFICIENTS[member]
    arch = baseline or efficientnet_b0()
    name = (
        f"efficientnet-{member}"
        if baseline is None
        else f"{arch.name or 'network'}-published-{member}"
    )
    if member == "b0":
        return dataclasses.replace(arch, name=name)
    at_released_size = arch.resolution == BASELINE_PX
    scaled = scale(
        arch,
        width=row.width,
        depth=row.depth,
        resolution=row.resolution_px / BASELINE_PX,
        resolution_px=row.resolution_px if at_released_size else None,
        resolution_multiple=resolution_multiple,
        name=name,
    )
    return dataclasses.replace(scaled, head=dataclasses.replace(scaled.head, dropout=row.dropout))
