"""`nas refs`: the reference networks, by the names that any ARCH accepts."""

from __future__ import annotations

from typing import Any

import click

from nas.cli.options import json_option
from nas.cli.output import print_json, print_table
from nas.cost import network_cost
from nas.opaque import CLASSES, OPAQUE_NETWORKS, OpaqueNetwork
from nas.references import REFERENCES, Reference
from nas.units import format_count

FIGURES = ("params", "flops", "activations")


@click.command("refs")
@json_option
def command(as_json: bool) -> None:
    """List the reference networks with their costs at their published resolution.

    Any ARCH may be the name of a network of kind `spec`. One of kind `cost` is known by what it
    costs, not as a spec: `nas cost` shows it, but it cannot be scaled or trained. FLOPs are
    multiply-adds of convolution and linear layers for one image, with 1000 classes.

    Keys of --json: references, a list with name, kind (spec or cost), digest (null for kind
    cost), resolution, classes, params, flops, activations, counted_by, source, and same_as
    (the library's network with the same parameters and FLOPs, as "library name").
    """
    rows = [_spec_row(reference) for reference in REFERENCES.values()]
    rows += [_opaque_row(network) for network in OPAQUE_NETWORKS.values()]
    if as_json:
        print_json({"references": rows})
        return
    print_table(
        ("name", "params", "FLOPs", "px", "kind", "same as", "source"),
        [
            (
                row["name"],
                format_count(row["params"]),
                format_count(row["flops"]),
                str(row["resolution"]),
                row["kind"],
                row["same_as"],
                row["source"],
            )
            for row in rows
        ],
    )
    click.echo(
        "FLOPs are multiply-adds of convolution and linear layers for one image. Kind cost: "
        "counted on the library's network, no spec."
    )


def _spec_row(reference: Reference) -> dict[str, Any]:
    arch = reference.build()
    cost = network_cost(arch)
    return {
        "name": reference.name,
        "kind": "spec",
        "digest": arch.digest(),
        "resolution": arch.resolution,
        "classes": arch.classes,
        **{figure: getattr(cost, figure) for figure in FIGURES},
        "counted_by": "arithmetic",
        "source": reference.source,
        "same_as": reference.same_as,
    }


def _opaque_row(network: OpaqueNetwork) -> dict[str, Any]:
    return {
        "name": network.name,
        "kind": "cost",
        "digest": None,
        "resolution": network.resolution,
        "classes": CLASSES,
        **{figure: getattr(network, figure) for figure in FIGURES},
        "counted_by": "torch FlopCounterMode / 2",
        "source": network.source,
        "same_as": f"torchvision {network.builder}",
    }
