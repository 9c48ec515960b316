"""`nas cost` of a network that is no spec: counted on the library's network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from nas.cli.output import print_json, print_table
from nas.errors import SpecError
from nas.opaque import CLASSES, IN_CHANNELS, OpaqueNetwork
from nas.units import format_bytes, format_count

FIGURES = ("flops", "params", "activations", "weight_bytes")
KEPT = "kept count"


@dataclass(frozen=True)
class Request:
    """What `nas cost` was asked about such a network; None is the network's own."""

    stages: bool
    verified: bool
    resolution: int | None
    classes: int | None
    in_channels: int | None

    def check(self, network: OpaqueNetwork) -> None:
        """Refuse what only a spec can answer. Raises: SpecError."""
        if self.stages:
            raise SpecError(
                f"{network.name} is known by its cost, not as a spec, so --per-stage has no "
                "stages to show; leave it out"
            )
        if self.in_channels not in (None, IN_CHANNELS):
            raise SpecError(
                f"{network.name} has {IN_CHANNELS} input channels, not {self.in_channels}; "
                "torchvision builds it with no other, leave --in-channels out"
            )


def show_opaque_cost(network: OpaqueNetwork, request: Request, *, as_json: bool) -> bool:
    """Print what the network costs; returns False where a verification differs.

    The kept counts answer for the network's own size; any other size, and --verify, count the
    network that torchvision builds, on the meta device.
    Raises: SpecError for what only a spec has, NasError if the network cannot be counted.
    """
    request.check(network)
    resolution = request.resolution or network.resolution
    classes = request.classes or CLASSES
    own_size = (resolution, classes) == (network.resolution, CLASSES)
    figures = {name: getattr(network, name) for name in FIGURES}
    checks: list[dict[str, Any]] = []
    if request.verified or not own_size:
        counted = network.count(resolution=resolution, classes=classes)
        now = {name: getattr(counted, name) for name in FIGURES}
        if request.verified and own_size:
            checks = [_check(name, figures[name], now[name]) for name in FIGURES]
        figures = now
    how = (
        f"{'counted' if checks or not own_size else KEPT}: torchvision's {network.builder} on the "
        "meta device, by torch's FlopCounterMode / 2"
    )
    matches = all(check["equal"] for check in checks)
    if as_json:
        print_json(
            {
                "name": network.name,
                "digest": None,
                "resolution": resolution,
                "classes": classes,
                "in_channels": IN_CHANNELS,
                **figures,
                "peak_activation_bytes": None,
                "counted_by": how,
                "stages": None,
                "verification": {"matches": matches, "checks": checks} if checks else None,
            }
        )
    else:
        _print_text(network, resolution, classes, figures, how)
        if checks:
            verdict = "equal to the kept counts" if matches else "DIFFERS from the kept counts"
            click.echo(f"Counted again: {verdict}.")
    return matches


def _check(name: str, kept: int, counted: int) -> dict[str, Any]:
    return {"what": name, "kept": kept, "counted": counted, "equal": kept == counted}


def _print_text(
    network: OpaqueNetwork, resolution: int, classes: int, figures: dict[str, int], how: str
) -> None:
    click.echo(
        f"{network.name}: {resolution} px, {IN_CHANNELS} input channels, {classes} classes "
        f"({network.source})"
    )
    print_table(
        ("figure", "", "exactly"),
        (
            ("FLOPs", format_count(figures["flops"]), f"{figures['flops']:,}"),
            ("parameters", format_count(figures["params"]), f"{figures['params']:,}"),
            (
                "conv activations",
                format_count(figures["activations"]),
                f"{figures['activations']:,}",
            ),
            (
                "weights (float32)",
                format_bytes(figures["weight_bytes"]),
                f"{figures['weight_bytes']:,} B",
            ),
        ),
        indent="  ",
    )
    click.echo(f"{how[0].upper()}{how[1:]}.")
    click.echo("It is no spec: peak activation memory is not known, and it cannot be scaled.")
