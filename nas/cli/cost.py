"""`nas cost`: what a network costs, by arithmetic, and on request counted on the built network."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from nas.archs import resized
from nas.cli.opaque_cost import Request, show_opaque_cost
from nas.cli.options import ANY_NETWORK, json_option, size_options
from nas.cli.output import print_json, print_table
from nas.cost import StageCost, network_cost, per_stage
from nas.opaque import OpaqueNetwork
from nas.spec import ArchSpec
from nas.units import format_bytes, format_count

if TYPE_CHECKING:
    from nas.measure import Verification

MISMATCH = 1
"""Exit code of `--verify` where arithmetic and counters disagree: our mistake, not the user's."""

STAGE_HEADERS = (
    "part",
    "operator",
    "layers",
    "channels",
    "px",
    "FLOPs",
    "params",
    "activations",
    "weights",
    "peak",
)

DEFINITION = (
    "FLOPs are multiply-adds of convolution and linear layers for one image, as in the "
    "EfficientNet paper."
)


@click.command("cost")
@click.argument("arch", type=ANY_NETWORK)
@click.option("--per-stage", "stages", is_flag=True, help="One row for stem, stages and head.")
@click.option(
    "--verify",
    "verified",
    is_flag=True,
    help="Build the network and compare to the unit with torch's counter, fvcore's conv + linear, "
    "the real parameters, hooks and the state dict. Exit code 1 if anything differs.",
)
@size_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    arch: ArchSpec | OpaqueNetwork,
    stages: bool,
    verified: bool,
    resolution: int | None,
    classes: int | None,
    in_channels: int | None,
    as_json: bool,
) -> None:
    """FLOPs, parameters, activations and memory of ARCH for one image.

    ARCH is a reference name (efficientnet-b0), a JSON file, a run (its best network) or a run's
    member (RUN:b3). FLOPs are multiply-adds of convolution and linear layers; activations are the
    output elements of convolution layers; memory is counted at float32, peak activation memory
    for a runtime that folds batch norm and activation into the layer before them. A reference
    that is no spec (densenet-121, inception-v3) is counted on the network that torchvision builds.

    Keys of --json: name, digest, resolution, classes, in_channels; flops, params, activations,
    weight_bytes, peak_activation_bytes; counted_by (how the figures were got); stages: a list with
    name, operator, layers, in_channels, out_channels, in_size, out_size and the same five figures;
    verification: null without --verify, else matches, checks (what, counter, by_arithmetic,
    counted, equal) and fvcore_other (what fvcore counts beyond conv + linear, by operator). Of a
    reference that is no spec, digest, peak_activation_bytes and stages are null, and checks have
    what, kept, counted, equal.
    """
    if isinstance(arch, OpaqueNetwork):
        request = Request(stages, verified, resolution, classes, in_channels)
        if not show_opaque_cost(arch, request, as_json=as_json):
            click.echo(f"nas: {arch.name} does not cost what is kept for it", err=True)
            context.exit(MISMATCH)
        return
    arch = resized(arch, resolution=resolution, classes=classes, in_channels=in_channels)
    # First, because it names the stage of an impossible block; per_stage would not.
    cost = network_cost(arch)
    rows = per_stage(arch)
    verification = _verify(arch) if verified else None
    if as_json:
        print_json(
            {
                "name": arch.name,
                "digest": arch.digest(),
                "resolution": arch.resolution,
                "classes": arch.classes,
                "in_channels": arch.in_channels,
                **dataclasses.asdict(cost),
                "counted_by": "arithmetic",
                "stages": [_stage_document(row) for row in rows],
                "verification": None if verification is None else _verified(verification),
            }
        )
    else:
        _print_text(arch, rows if stages else ())
        if verification is not None:
            _print_verification(verification)
    if verification is not None and not verification.matches:
        figures = ", ".join(f"{check.what} ({check.counter})" for check in verification.mismatches)
        click.echo(f"nas: arithmetic and the built network disagree on {figures}", err=True)
        context.exit(MISMATCH)


def _verify(arch: ArchSpec) -> Verification:
    # Imported here: counting by arithmetic must not wait for torch.
    from nas.measure import verify

    return verify(arch)


def _stage_document(row: StageCost) -> dict[str, Any]:
    content = dataclasses.asdict(row)
    return {**content, **content.pop("cost")}


def _verified(verification: Verification) -> dict[str, Any]:
    return {
        "matches": verification.matches,
        "checks": [
            {**dataclasses.asdict(check), "equal": check.equal} for check in verification.checks
        ],
        "fvcore_other": verification.fvcore_other,
    }


def _print_text(arch: ArchSpec, rows: tuple[StageCost, ...]) -> None:
    cost = network_cost(arch)
    click.echo(
        f"{arch.name or 'network'} {arch.digest()}: {arch.resolution} px, "
        f"{arch.in_channels} input channels, {arch.classes} classes"
    )
    print_table(
        ("figure", "", "exactly"),
        (
            ("FLOPs", format_count(cost.flops), f"{cost.flops:,}"),
            ("parameters", format_count(cost.params), f"{cost.params:,}"),
            ("conv activations", format_count(cost.activations), f"{cost.activations:,}"),
            ("weights (float32)", format_bytes(cost.weight_bytes), f"{cost.weight_bytes:,} B"),
            (
                "peak activations (float32)",
                format_bytes(cost.peak_activation_bytes),
                f"{cost.peak_activation_bytes:,} B",
            ),
        ),
        indent="  ",
    )
    click.echo(DEFINITION)
    if rows:
        click.echo()
        print_table(
            STAGE_HEADERS,
            [_stage_cells(row) for row in rows],
        )


def _stage_cells(row: StageCost) -> tuple[str, ...]:
    return (
        row.name,
        row.operator,
        str(row.layers),
        f"{row.in_channels}->{row.out_channels}",
        f"{row.in_size}->{row.out_size}",
        format_count(row.cost.flops),
        format_count(row.cost.params),
        format_count(row.cost.activations),
        format_bytes(row.cost.weight_bytes),
        format_bytes(row.cost.peak_activation_bytes),
    )


def _print_verification(verification: Verification) -> None:
    click.echo("\nVerified on the built network, to the unit:")
    print_table(
        ("figure", "counted by", "arithmetic", "counted", "verdict"),
        [
            (
                check.what,
                check.counter,
                f"{check.by_arithmetic:,}",
                f"{check.counted:,}",
                "equal" if check.equal else f"DIFFERS by {check.counted - check.by_arithmetic:+,}",
            )
            for check in verification.checks
        ],
        indent="  ",
    )
    other = ", ".join(f"{name} {count:,}" for name, count in verification.fvcore_other.items())
    click.echo(f"  fvcore also counts, and these FLOPs do not: {other or 'nothing'}")
