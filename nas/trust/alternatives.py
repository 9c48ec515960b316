"""What an engineer would take without a search: known networks scaled to the same FLOPs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from nas.archs import resized
from nas.errors import ConfigError
from nas.scaling.coefficients import PAPER
from nas.scaling.steps import By, Direction
from nas.scaling.target import fit_to_flops
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.search_spaces.fitted_strides import fitted_strides
from nas.search_spaces.mobilenet_v2 import mobilenet_v2
from nas.search_spaces.mobilenet_v3 import mobilenet_v3_large
from nas.spec import ArchSpec
from nas.units import format_count

WAYS: tuple[By, ...] = ("width", "compound")
# Below this, compound scaling takes away what there is to see.
LEAST_PX = 16


@dataclass(frozen=True)
class Alternative:
    """A known network at the target: `arch`, or in one line why there is none."""

    name: str
    arch: ArchSpec | None
    reason: str = ""


def alternatives(
    target_flops: int, *, resolution: int, classes: int, in_channels: int = 3
) -> list[Alternative]:
    """EfficientNet-B0, MobileNetV2 and V3-Large, each by width and by compound scaling.

    Each is the largest at or below the target. Where the images are small, the first strides are
    left out, as in space `mbconv-elastic`; all see the images at `resolution` px but for those by
    compound scaling, whose rule chooses.
    """
    fitted = [
        resized(
            for_images(arch, resolution),
            resolution=resolution,
            classes=classes,
            in_channels=in_channels,
        )
        for arch in (efficientnet_b0(), mobilenet_v2(), mobilenet_v3_large())
    ]
    return [_scaled(arch, by, target_flops) for arch in fitted for by in WAYS]


def pretrained(text: str, *, resolution: int, classes: int) -> tuple[str, ArchSpec, Path]:
    """Of `--pretrained [ARCH=]FILE`: a name, the network for these images, and the file.

    The name has the file's folder: `nas train` calls every file weights.safetensors.
    ARCH names the network of a file of torchvision's or timm's; ours say it themselves.
    Raises: NasError if the file cannot be read or is of another network.
    """
    from nas.archs import find_network
    from nas.training.initial import read_initial

    named, separator, file = text.partition("=")
    arch = find_network(named) if separator else None
    path = Path(file if separator else text).absolute()
    spec = read_initial(path, arch).spec
    name = f"{spec.name or spec.digest()[:8]}, pretrained ({path.parent.name}/{path.name})"
    return name, resized(spec, resolution=resolution, classes=classes), path


def for_images(arch: ArchSpec, resolution: int) -> ArchSpec:
    """`arch` with as many of its first strides left out as small images need."""
    strides = (arch.stem.stride, *(stage.stride for stage in arch.stages))
    fitted = fitted_strides(strides, resolution)
    stages = tuple(
        dataclasses.replace(stage, stride=stride)
        for stage, stride in zip(arch.stages, fitted[1:], strict=True)
    )
    return dataclasses.replace(
        arch, stem=dataclasses.replace(arch.stem, stride=fitted[0]), stages=stages
    )


def _scaled(arch: ArchSpec, by: By, target_flops: int) -> Alternative:
    name = f"{arch.name} by {by}"
    try:
        direction = Direction(arch, by, PAPER if by == "compound" else None)
        found = fit_to_flops(direction, target_flops).below.arch
    except ConfigError as error:
        return Alternative(name, None, str(error))
    if found.resolution < min(LEAST_PX, arch.resolution):
        return Alternative(
            name,
            None,
            f"compound scaling to {format_count(target_flops)} FLOPs leaves {found.resolution} px",
        )
    return Alternative(name, dataclasses.replace(found, name=name.replace(" ", "-")))
