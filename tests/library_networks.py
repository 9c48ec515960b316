"""The networks that torchvision and timm call by the names of ours."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

# Our reference -> the library's name of it, where it has one.
TORCHVISION = {
    **{f"efficientnet-b{n}": f"efficientnet_b{n}" for n in range(8)},
    **{f"resnet-{depth}": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    "resnext-50-32x4d": "resnext50_32x4d",
    "resnext-101-64x4d": "resnext101_64x4d",
    "mobilenet-v2": "mobilenet_v2",
    "mobilenet-v3-small": "mobilenet_v3_small",
    "mobilenet-v3-large": "mobilenet_v3_large",
}
TIMM = {
    **{f"efficientnet-b{n}": f"efficientnet_b{n}" for n in range(8)},
    **{f"resnet-{depth}": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    "resnext-50-32x4d": "resnext50_32x4d",
    "mobilenet-v1": "mobilenetv1_100",
    "mobilenet-v2": "mobilenetv2_100",
    "mobilenet-v3-small": "mobilenetv3_small_100",
    "mobilenet-v3-large": "mobilenetv3_large_100",
    "mnasnet-a1": "semnasnet_100",
}
PAIRS = [
    *(("torchvision", *names) for names in TORCHVISION.items()),
    *(("timm", *names) for names in TIMM.items()),
]


def library_network(library: str, name: str, **settings: Any) -> nn.Module:
    """Build `name` as the library does, or skip the test where the library is absent."""
    module: Any = pytest.importorskip(library)
    if library == "timm":
        return module.create_model(name, **settings)  # type: ignore[no-any-return]
    return getattr(module.models, name)(**settings)  # type: ignore[no-any-return]
