"""The reference networks by name, with where each comes from and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nas.scaling.published import COEFFICIENTS, published_member
from nas.search_spaces.mnasnet_a1 import mnasnet_a1
from nas.search_spaces.mobilenet_v1 import mobilenet_v1
from nas.search_spaces.mobilenet_v2 import mobilenet_v2
from nas.search_spaces.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from nas.search_spaces.resnet import DEPTHS, resnet, resnext_50, resnext_101
from nas.spec import ArchSpec


@dataclass(frozen=True)
class Reference:
    """A published network as a spec.

    `source` is where its table is printed. `same_as` is the library's network with the same
    parameters and FLOPs to the unit, as "library name".
    """

    name: str
    build: Callable[[], ArchSpec]
    source: str
    same_as: str


def _efficientnet(member: str) -> Reference:
    return Reference(
        f"efficientnet-{member}",
        lambda: published_member(member),
        "arXiv 1905.11946",
        f"torchvision efficientnet_{member}",
    )


def _resnet(depth: int) -> Reference:
    return Reference(
        f"resnet-{depth}",
        lambda: resnet(depth),
        "arXiv 1512.03385, Table 1",
        f"torchvision resnet{depth}",
    )


REFERENCES = {
    reference.name: reference
    for reference in (
        *map(_efficientnet, COEFFICIENTS),
        Reference(
            "mobilenet-v1",
            mobilenet_v1,
            "arXiv 1704.04861, Table 1",
            "timm mobilenetv1_100",
        ),
        Reference(
            "mobilenet-v2",
            mobilenet_v2,
            "arXiv 1801.04381, Table 2",
            "torchvision mobilenet_v2",
        ),
        Reference(
            "mobilenet-v3-small",
            mobilenet_v3_small,
            "arXiv 1905.02244, Table 2",
            "torchvision mobilenet_v3_small",
        ),
        Reference(
            "mobilenet-v3-large",
            mobilenet_v3_large,
            "arXiv 1905.02244, Table 1",
            "torchvision mobilenet_v3_large",
        ),
        Reference(
            "mnasnet-a1",
            mnasnet_a1,
            "arXiv 1807.11626, Figure 7",
            "timm semnasnet_100",
        ),
        *map(_resnet, DEPTHS),
        Reference(
            "resnext-50-32x4d",
            resnext_50,
            "arXiv 1611.05431, Table 1",
            "torchvision resnext50_32x4d",
        ),
        Reference(
            "resnext-101-64x4d",
            resnext_101,
            "arXiv 1611.05431",
            "torchvision resnext101_64x4d",
        ),
    )
}
