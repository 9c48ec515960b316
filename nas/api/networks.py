"""Networks: loaded, built, counted, scaled."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from nas.api.calls import Arch, path_or_none
from nas.archs import find_network, resized
from nas.arithmetic import Cost
from nas.cost import network_cost
from nas.counting import Counted
from nas.errors import ConfigError
from nas.opaque import CLASSES, OPAQUE_NETWORKS, OpaqueNetwork
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.family import RESOLUTION_MULTIPLE
from nas.scaling.steps import By, Direction, Step
from nas.scaling.target import fit_to_flops
from nas.spec import ArchSpec
from nas.units import parse_count

if TYPE_CHECKING:
    from nas.model import Network

Coefficients = ScalingCoefficients | tuple[float, float, float]
"""alpha, beta, gamma: of depth, width and resolution."""


def load(
    arch: Arch,
    *,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
) -> ArchSpec:
    """The network that `arch` names, as data.

    arch: a reference name, a JSON file, a run folder (its best), a run's member (RUN:b3) or a
    weight file of `nas.train`. resolution in px; None leaves a setting as it is.
    Raises: NasError if there is none, or it cannot be read.
    """
    spec = arch if isinstance(arch, ArchSpec) else find_network(str(arch))
    return resized(spec, resolution=resolution, classes=classes, in_channels=in_channels)


def build(
    arch: Arch,
    *,
    weights: str | Path | None = None,
    norm_eps: float | None = None,
    seed: int | None = None,
    resolution: int | None = None,
    classes: int | None = None,
    in_channels: int | None = None,
    device: str | None = None,
) -> Network:
    """The network as a `torch.nn.Module`: images (N, channels, px, px) to logits (N, classes).

    arch: as for `load`; of a weight file, or of the folder of a training, it has these weights.
    weights: a file of `nas.train`, or one under torchvision's or timm's names; without any, the
    reference initialisation by `seed` (0). norm_eps: batch norm's eps of a library's weights, where
    its usual one is not right. It comes in evaluation mode.
    Raises: NasError, in one line, for what cannot be found or read, and for contradictions.
    """
    from nas.export.subject import Sizes, find_subject

    subject = find_subject(
        arch if isinstance(arch, ArchSpec) else str(arch),
        sizes=Sizes(resolution=resolution, classes=classes, in_channels=in_channels),
        seed=seed,
        initial=path_or_none(weights),
        norm_eps=norm_eps,
    )
    return subject.network if device is None else subject.network.to(device)


def cost_of(arch: Arch, *, resolution: int | None = None) -> Cost | Counted:
    """FLOPs, parameters, activations and memory for one image, as `nas cost` tells them.

    By arithmetic, without torch. References that are no specs (densenet-121) have no peak memory:
    they are a `Counted`, by torch's counter on torchvision's network.
    Raises: NasError if there is no such network.
    """
    if isinstance(arch, str) and arch in OPAQUE_NETWORKS:
        return counted(OPAQUE_NETWORKS[arch], resolution)
    return network_cost(load(arch, resolution=resolution))


def counted(network: OpaqueNetwork, resolution: int | None) -> Counted:
    """The kept count at the network's own size; at another, torchvision's network is counted.

    Raises: NasError if it cannot be.
    """
    if resolution not in (None, network.resolution):
        return network.count(resolution=resolution)
    figures = (network.flops, network.params, network.activations, network.weight_bytes)
    return Counted(*figures, shape=(CLASSES,))


def scale(
    arch: Arch,
    *,
    to_flops: int | str,
    by: By = "compound",
    coefficients: Coefficients | None = None,
    resolution_multiple: int = RESOLUTION_MULTIPLE,
    nearest: bool = False,
) -> Step:
    """The largest network within `to_flops`, or the nearest: `.arch`, `.multiplier`, `.cost`.

    by: compound (the paper's coefficients where none are given), depth, width or resolution.
    Raises: NasError if the figure cannot be met or the settings contradict each other.
    """
    given = as_coefficients(coefficients)
    if given is not None and by != "compound":
        raise ConfigError(f"alpha, beta and gamma have no part in scaling by {by}; leave them out")
    used = (given or PAPER) if by == "compound" else None
    direction = Direction(load(arch), by, used, resolution_multiple)
    fit = fit_to_flops(direction, parse_count(to_flops, "to_flops"))
    step = fit.nearest if nearest else fit.below
    return dataclasses.replace(step, arch=direction.named(step))


def as_coefficients(given: Coefficients | None) -> ScalingCoefficients | None:
    """Coefficients that may be given as three numbers."""
    if given is None or isinstance(given, ScalingCoefficients):
        return given
    return ScalingCoefficients(*given)
