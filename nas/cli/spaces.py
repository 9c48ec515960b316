"""`nas spaces`: which search spaces there are, how large they are and what their networks cost."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from nas.cli.options import COUNT, json_option, size_options
from nas.cli.output import print_json, print_table
from nas.plugins import load_space, space_offers
from nas.units import format_count, suggest_unit

if TYPE_CHECKING:
    from nas.space_statistics import Estimate, SpaceSample

TOLERANCE = 0.05
"""How near a network must come to count as near the target."""


@click.command("spaces")
@click.argument("name", required=False)
@click.option("--target-flops", type=COUNT, help="Count the networks that fit it (400M).")
@click.option(
    "--samples",
    type=click.IntRange(100, 10_000_000),
    default=10_000,
    show_default=True,
    help="Random networks that the estimates rest on.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@size_options
@json_option
def command(
    name: str | None,
    target_flops: int | None,
    samples: int,
    seed: int,
    resolution: int | None,
    classes: int | None,
    in_channels: int | None,
    as_json: bool,
) -> None:
    """List the search spaces, or describe the space NAME.

    NAME is a space of the list or module:Attr. Its size counts different sets of answers. Median
    and fitting networks are estimated from random draws and stand with their standard error;
    smallest and largest are found by changing one answer at a time, from sampled extremes. FLOPs
    are multiply-adds of convolution and linear layers for one image.

    Keys of --json without NAME: spaces, a list with name, owner, target. With NAME: space,
    questions (fewest and most asked), size (networks, standard_error, exact), resolutions,
    classes and in_channels (null: the space's own), samples, seed, impossible (refused draws),
    flops (smallest, median, largest), target: null without --target-flops, else flops,
    at_or_below and within_5_percent, each with networks, standard_error, share, hits (draws) and
    at_most (where hits is 0: an upper bound, 95 % sure).
    """
    if name is None:
        if target_flops is not None:
            raise click.UsageError("--target-flops needs the NAME of a space, for example mbconv")
        _list(as_json)
        return
    # Imported here, so that listing does not wait for numpy.
    from nas.space import at_resolution
    from nas.space_statistics import sample_space

    sample = sample_space(
        at_resolution(load_space(name), resolution),
        samples=samples,
        seed=seed,
        resolution=resolution,
        classes=classes,
        in_channels=in_channels,
    )
    if as_json:
        document = _document(sample, target_flops)
        print_json({**document, "classes": classes, "in_channels": in_channels})
    else:
        _print_text(sample, target_flops)


def _list(as_json: bool) -> None:
    offers = space_offers()
    if as_json:
        print_json({"spaces": [dataclasses.asdict(offer) for offer in offers]})
        return
    print_table(
        ("space", "offered by", "target"),
        [(offer.name, offer.owner, offer.target) for offer in offers],
    )
    click.echo("Describe one with `nas spaces NAME --target-flops 400M`.")


def _document(sample: SpaceSample, target_flops: int | None) -> dict[str, Any]:
    size = sample.size
    document: dict[str, Any] = {
        "space": sample.space,
        "questions": list(sample.questions),
        "size": {
            "networks": sample.paths if sample.exact else size.networks,
            "standard_error": size.standard_error,
            "exact": sample.exact,
        },
        "resolutions": list(sample.resolutions),
        "samples": len(sample.flops),
        "seed": sample.seed,
        "impossible": sample.impossible,
        "flops": {
            "smallest": sample.smallest,
            "median": sample.median,
            "largest": sample.largest,
        },
        "target": None,
    }
    if target_flops is not None:
        document["target"] = {
            "flops": target_flops,
            **{
                key: {**dataclasses.asdict(estimate), "share": estimate.networks / size.networks}
                for key, estimate in (
                    ("at_or_below", sample.at_or_below(target_flops)),
                    ("within_5_percent", sample.near(target_flops, TOLERANCE)),
                )
            },
        }
    return document


def _print_text(sample: SpaceSample, target_flops: int | None) -> None:
    fewest, most = sample.questions
    questions = f"{most}" if fewest == most else f"{fewest} to {most}"
    low, high = sample.resolutions[0], sample.resolutions[-1]
    pixels = f"{low} px" if low == high else f"{low} to {high} px"
    size = sample.size
    networks = (
        f"{sample.paths:,} networks (exact)"
        if sample.exact
        else f"{size.networks:.3g} ± {size.standard_error:.1g} networks (estimated)"
    )
    click.echo(f"{sample.space}: {questions} questions, {networks}")
    click.echo(
        f"FLOPs at {pixels}: smallest {format_count(sample.smallest)}, "
        f"median {format_count(sample.median)}, largest {format_count(sample.largest)}"
    )
    if target_flops is not None:
        target = format_count(target_flops)
        rows = (
            (f"at or below {target}", sample.at_or_below(target_flops)),
            (f"within {TOLERANCE:.0%} of {target}", sample.near(target_flops, TOLERANCE)),
        )
        print_table(
            ("networks", "estimate", "standard error", "share"),
            [(what, *_estimate_cells(estimate, size.networks)) for what, estimate in rows],
            indent="  ",
        )
        _print_advice(sample, target_flops)
    if sample.impossible:
        click.echo(f"{sample.impossible:,} draws were impossible networks and count for none.")
    click.echo(
        f"Median and fits: {len(sample.flops):,} random draws, seed {sample.seed}. FLOPs are "
        "multiply-adds of convolution and linear layers."
    )


def _estimate_cells(estimate: Estimate, size: float) -> tuple[str, str, str]:
    if estimate.at_most is not None:
        # No draw fits: the standard error would be 0, which is not what is known.
        return f"< {estimate.at_most:.1e} (95%)", "-", f"< {estimate.at_most / size:.2%}"
    return (
        f"{estimate.networks:.3e}",
        f"{estimate.standard_error:.1e}",
        f"{estimate.networks / size:.2%}",
    )


def _print_advice(sample: SpaceSample, target_flops: int) -> None:
    if sample.smallest <= target_flops <= sample.largest:
        return
    side = "below the smallest" if target_flops < sample.smallest else "above the largest"
    unit = suggest_unit(target_flops, sample.smallest, sample.largest)
    hint = f"; did you mean {unit}?" if unit else ""
    click.echo(f"{format_count(target_flops)} is {side} network of the space{hint}")
