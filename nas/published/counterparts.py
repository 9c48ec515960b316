"""Which network of ours, or of a library, each row of the paper's Table 2 is, and what to know.

A remark says what was counted where that is not plain, and why the count is not what is printed,
as far as it is known. `docs/results/counted_and_printed.md` sets the two side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

from nas.opaque import OpaqueNetwork
from nas.references import REFERENCES


@dataclass(frozen=True)
class Counterpart:
    """A network of Table 2 as it can be had here.

    network: what `nas compare` calls it, a network that only a library builds, or None where
    there is none to be had. resolution_px: what the paper's figures are for, where that is not the
    network's own.
    """

    printed: str
    network: str | OpaqueNetwork | None
    resolution_px: int | None = None
    remark: str = ""


_NO_MODEL = "Neither torchvision nor timm builds it, so it was not counted."
_FEW_DIGITS = "Other independent counts exceed the paper too"

# torchvision has no function for this depth, but the class that builds it. Growth 32 and blocks
# (6, 12, 64, 48): arXiv 1608.06993, Table 1.
DENSENET_264 = OpaqueNetwork(
    name="densenet-264",
    builder="DenseNet",
    resolution=224,
    source="arXiv 1608.06993, Table 1",
    flops=5_751_653_376,
    params=33_337_704,
    activations=8_529_920,
    weight_bytes=134_944_928,
    settings=(("growth_rate", 32), ("block_config", (6, 12, 64, 48)), ("num_init_features", 64)),
)

COUNTERPARTS = {
    counterpart.printed: counterpart
    for counterpart in (
        Counterpart("EfficientNet-B0", "efficientnet-b0"),
        Counterpart(
            "ResNet-50",
            "resnet-50",
            remark="Strides in the 3x3 convolutions, as torchvision builds it. With strides in the "
            "first 1x1 convolutions, as in the ResNet paper, it would be 3.86B: the printed 4.1B "
            "is of this form.",
        ),
        Counterpart(
            "DenseNet-169",
            "densenet-169",
            remark="Not explained: batch norm would add only 0.02B. The printed ratio, 8.9, is not "
            "3.5 over 0.39 either, which is 9.0.",
        ),
        Counterpart(
            "EfficientNet-B1",
            "efficientnet-b1",
            remark="Not explained: 0.687B is counted and 0.70B printed, with two digits.",
        ),
        Counterpart(
            "ResNet-152",
            "resnet-152",
            remark="Strides in the 3x3 convolutions, as torchvision builds it. With strides in the "
            "first 1x1 convolutions, as in the ResNet paper, it is 11.28B, which is printed as 11 "
            "and gives the printed ratio of 16.",
        ),
        Counterpart(
            "DenseNet-264",
            DENSENET_264,
            remark="FLOPs not explained, as for DenseNet-169. Parameters: the printed ratio, 4.3, "
            "fits the counted 33.3M (34 over 7.8 is 4.4).",
        ),
        Counterpart("Inception-v3", "inception-v3", remark="At 299 px, its own size."),
        Counterpart("Xception", "timm:legacy_xception", remark="At 299 px, its own size."),
        Counterpart(
            "EfficientNet-B2",
            "efficientnet-b2",
            remark="Not explained: torchvision, timm and this toolkit all count 9.11M parameters, "
            "and 9.2M is printed.",
        ),
        Counterpart(
            "Inception-v4",
            "timm:inception_v4",
            remark="At 299 px, its own size, without the auxiliary classifier. Not explained.",
        ),
        Counterpart(
            "Inception-resnet-v2",
            "timm:inception_resnet_v2",
            remark="At 299 px, its own size, without the auxiliary classifier.",
        ),
        Counterpart("EfficientNet-B3", "efficientnet-b3"),
        Counterpart(
            "ResNeXt-101",
            "resnext-101-64x4d",
            320,
            "64x4d at 320 px, where the printed 32B is met; at 224 px it costs 15.46B. The 83.46M "
            "parameters are torchvision's to the unit; 84M is printed.",
        ),
        Counterpart("PolyNet", None, remark=_NO_MODEL),
        Counterpart(
            "EfficientNet-B4",
            "efficientnet-b4",
            remark=f"Not explained. {_FEW_DIGITS}: pycls prints 4.4B. The released network at "
            "380 px was counted.",
        ),
        Counterpart(
            "SENet",
            "timm:legacy_senet154",
            320,
            "SENet-154 at 320 px, where the printed 42B is met. Its released form has 115M "
            "parameters in timm; 146M is not explained.",
        ),
        Counterpart("NASNet-A", "timm:nasnetalarge", remark="At 331 px, its own size."),
        Counterpart("AmoebaNet-A", None, remark=_NO_MODEL),
        Counterpart(
            "PNASNet",
            "timm:pnasnet5large",
            remark="At 331 px, its own size. The paper's own ratio, 6.0, fits the counted 24.9B "
            "(23 over 4.2 is 5.5): 23B looks like a slip in print.",
        ),
        Counterpart(
            "EfficientNet-B5",
            "efficientnet-b5",
            remark=f"Not explained. {_FEW_DIGITS}: pycls prints 10.3B. The released network at "
            "456 px was counted.",
        ),
        Counterpart("AmoebaNet-C", None, remark=_NO_MODEL),
        Counterpart("EfficientNet-B6", "efficientnet-b6"),
        Counterpart(
            "EfficientNet-B7",
            "efficientnet-b7",
            remark="37.75B: the paper seems to have cut the digits off, not rounded.",
        ),
        Counterpart("GPipe", None, remark=f"{_NO_MODEL} No FLOPs are printed."),
    )
}
"""Printed name -> counterpart, in the order of the table."""


def printed_name(network: str) -> str | None:
    """The name in Table 2 of a network as `nas compare` calls it; None where it has no row.

    A library's network that is the same as a reference of ours has the reference's row.
    """
    for counterpart in COUNTERPARTS.values():
        ours = counterpart.network
        if isinstance(ours, OpaqueNetwork):
            ours = ours.name
        if ours is None:
            continue
        if network in (ours, _same_in_library(ours)):
            return counterpart.printed
    return None


def _same_in_library(reference: str) -> str | None:
    if reference not in REFERENCES:
        return None
    library, _, model = REFERENCES[reference].same_as.partition(" ")
    return f"{library}:{model}"
