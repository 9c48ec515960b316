"""`nas family`: B0..B7 of a network as files, and a table of what they cost."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.archs import find_network
from nas.cli.family_tables import print_comparison, print_members
from nas.cli.options import json_option
from nas.cli.output import print_json
from nas.cli.scaling_options import (
    coefficient_options,
    coefficients_from,
    resolution_multiple_option,
)
from nas.cost import network_cost
from nas.scaling.coefficient_files import fitted_on_another
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.family import FORMULA, PUBLISHED, Member
from nas.scaling.family_choice import (
    NAMES,
    Sizes,
    choose_rule,
    default_folder,
    make_family,
)
from nas.scaling.family_files import leftovers, member_row, write_family
from nas.scaling.implied import Comparison, compare_with_published
from nas.search_spaces.efficientnet import efficientnet_b0
from nas.spec import ArchSpec
from nas.units import parse_count

if TYPE_CHECKING:
    from nas.latency.families import FamilyLatency


def _numbers(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[float, ...]:
    """Read "0,0.5,1", once or repeated, as floats."""
    try:
        return tuple(float(part) for value in values for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"'{','.join(values)}' is not a list of numbers; write for example 0,0.5,1",
            context,
            parameter,
        ) from None


def _counts(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[int, ...]:
    """Read "700M,1G", once or repeated, as whole numbers."""
    return tuple(parse_count(part) for value in values for part in value.split(","))


@click.command("family")
@click.option(
    "--published",
    is_flag=True,
    help="The released B0..B7. With coefficients too: set the formula beside the released family "
    "for any baseline; the files are then the formula's.",
)
@click.option(
    "--rule",
    metavar="NAME",
    help=f"How members grow: {', '.join(NAMES)}.  [default: what the other options imply; fitted "
    "for a run with fitted coefficients; else published]",
)
@coefficient_options
@click.option(
    "--coefficients",
    "coefficients_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="alpha, beta and gamma of a JSON file, such as `nas fit-scaling` writes.",
)
@click.option(
    "--phi",
    "phis",
    metavar="NUMBER[,NUMBER...]",
    multiple=True,
    callback=_numbers,
    help="Members of the formula's family: numbers separated by commas, or the option repeated; "
    "fractions and negative numbers work.  [default for the formula: 0,1,2,3,4,5,6,7]",
)
@click.option(
    "--ratios",
    metavar="NUMBER[,NUMBER...]",
    multiple=True,
    callback=_numbers,
    help="Members of these FLOPs over the baseline's, as closely as rounding lets them.  [default "
    "for other rules: the released family's, 1.78 to 97.8]",
)
@click.option(
    "--flops",
    metavar="F[,F...]",
    multiple=True,
    callback=_counts,
    help="Members of these FLOPs, such as 700M,1G.",
)
@click.option(
    "--baseline",
    "baseline_text",
    metavar="ARCH",
    default="efficientnet-b0",
    show_default=True,
    help="The network to scale: a reference name, a JSON file, a run folder (its best network) or "
    "a run's member.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the files go.  [default: family/ inside the run if --baseline is a run folder, "
    "otherwise family-<baseline> here]",
)
@click.option(
    "--memory",
    is_flag=True,
    help="Also what a training step of each member keeps in memory; takes a second for each.",
)
@click.option(
    "--latency",
    metavar="DEVICE",
    help="Also what each member takes: measured here on cpu, onnxruntime or cuda, or predicted by "
    "a table's file.",
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of latency.")
@click.option(
    "--batch", type=click.IntRange(1), default=1, show_default=True, help="Images of a latency."
)
@resolution_multiple_option
@json_option
def command(
    published: bool,
    rule: str | None,
    coefficients_file: Path | None,
    alpha: float | None,
    beta: float | None,
    gamma: float | None,
    phis: tuple[float, ...],
    ratios: tuple[float, ...],
    flops: tuple[int, ...],
    baseline_text: str,
    out: Path | None,
    memory: bool,
    latency: str | None,
    threads: int,
    batch: int,
    resolution_multiple: int,
    as_json: bool,
) -> None:
    """Make B0..B7 of a network: as EfficientNet released them, or by a rule of depth, width and px.

    \b
    nas family --published                               the released family, the default
    nas family --alpha 1.2 --beta 1.1 --gamma 1.15       depth 1.2^phi, width 1.1^phi,
                                                         resolution 1.15^phi, phi 0..7
    nas family --alpha 1.2 --beta 1.1 --gamma 1.15 --phi -1,0,0.5
    nas family --published --baseline runs/mine          runs/mine:b0 .. runs/mine:b7
    nas family --rule fast                               mostly width; the released family's FLOPs
    nas family --rule width --flops 700M,1G              wider only, to these FLOPs
    nas family --phi 0,1,2 --alpha 1.2 --beta 1.1 --gamma 1.15 --latency onnxruntime

    Rules: published (copied from the authors' code); formula (--alpha --beta --gamma, by default
    the paper's); fitted (the coefficients that `nas fit-scaling` found, of the run or of
    --coefficients FILE); uniform and fast (Dollar et al.); width, depth, resolution alone. Members
    by --ratios or --flops are b1, b2, ... in growing order, the nearest that rounding allows, and
    their dropout grows as the released family's does.

    It writes one JSON network per member (b0.json .. b7.json; phi0.5.json for other phi), which
    `nas cost` and every other command read, and family.csv, and prints the table. A run's members
    are then called RUN:b3.

    The nominal ratio is depth * width^2 * resolution^2, what the formula promises; the realised
    ratio is the FLOPs of the built, rounded network over the baseline's. They differ, because
    layers, channels and feature maps are whole: (1.2, 1.1, 1.15) is 1.92 nominal and 2.23 to 2.57
    realised on B0.

    For EfficientNet-B0 a second table sets the released B1..B7 beside the formula, with the phi
    that each dimension implies: no single phi gives a released network. For another baseline, ask
    for it with --published and the coefficients together.

    \b
    Keys of --json: rule, coefficients (alpha, beta, gamma, nominal_ratio; null for published),
    resolution_multiple, baseline (name, digest, flops, params, activations), out, latency (device,
    threads, batch, baseline_ms, about, noise_rule; null without --latency), members: a list
    with the columns of family.csv (member, rule, phi, alpha, beta, gamma, depth, width,
    resolution_px, params, flops, activations, nominal_ratio, realised_ratio, dropout, drop_path,
    training_bytes_per_image (null without --memory), latency_ms, latency_median_ms, latency_spread,
    latency_ratio and latency_noise (null without --latency), digest) and file; comparison: a list,
    empty where there is none, with member, released, implied_phi (depth, width, resolution,
    nominal, realised, best), formula_at_index and formula_at_best_phi.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    from nas.runs.command_record import write_command_record
    from nas.runs.records import command_line

    given = coefficients_from(alpha, beta, gamma)
    name, coefficients = choose_rule(rule, published, given, coefficients_file, baseline_text)
    sizes = Sizes(phis, ratios, flops)
    baseline = find_network(baseline_text)
    # Everything is computed before anything is written: bad input leaves no half family behind.
    family = make_family(baseline, name, coefficients, sizes, resolution_multiple)
    members = family.members
    timed = None if latency is None else _timed(baseline, members, latency, threads, batch)
    kept = _training_bytes(members) if memory else None
    comparison: Sequence[Comparison] = ()
    comparable = name in (PUBLISHED, FORMULA) or published
    if comparable and (baseline == efficientnet_b0() or (published and coefficients is not None)):
        comparison = compare_with_published(
            baseline, coefficients or PAPER, resolution_multiple=resolution_multiple
        )
    folder = default_folder(baseline_text) if out is None else out
    latencies = None if timed is None else timed.members
    paths = write_family(folder, members, coefficients, kept, latencies)
    write_command_record(folder, "family", command_line(sys.argv[1:]))
    if as_json:
        cost = network_cost(baseline)
        print_json(
            {
                "rule": name,
                "coefficients": _coefficients_document(coefficients),
                "resolution_multiple": resolution_multiple,
                "baseline": {
                    "name": baseline.name,
                    "digest": baseline.digest(),
                    "flops": cost.flops,
                    "params": cost.params,
                    "activations": cost.activations,
                },
                "out": str(folder),
                "latency": _latency_document(timed, latency, threads, batch),
                "members": [
                    {**member_row(member, coefficients, kept, latencies), "file": str(path)}
                    for member, path in zip(members, paths, strict=False)
                ],
                "comparison": [_comparison_document(row, coefficients) for row in comparison],
            }
        )
    else:
        print_members(baseline, family, resolution_multiple, kept, timed)
        if comparison:
            click.echo()
            print_comparison(comparison, coefficients or PAPER)
        click.echo(
            f"\nWrote {paths[0].name} .. {paths[-2].name} and {paths[-1].name} to {folder}; "
            f"see one with `nas cost {paths[-2]}`"
        )
    if coefficients_file is not None:
        other = fitted_on_another(coefficients_file, baseline)
        if other is not None:
            click.echo(
                f"nas: the coefficients were fitted on {other}; for another baseline they are a "
                "guess",
                err=True,
            )
    stale = leftovers(folder, members)
    if stale:
        click.echo(f"nas: {folder} also holds {', '.join(stale)}, not of this family", err=True)


def _training_bytes(members: Sequence[Member]) -> dict[str, int]:
    """Member -> bytes that an image keeps in a training step, in float32."""
    from nas.training_memory import training_memory

    return {member.name: training_memory(member.arch).per_image for member in members}


def _timed(
    baseline: ArchSpec, members: Sequence[Member], device: str, threads: int, batch: int
) -> FamilyLatency:
    """What the members take; says so first, as large ones take minutes."""
    from nas.latency.families import check_family_latency, family_latency

    check_family_latency(device, threads=threads, batch=batch)
    click.echo(f"latency of {len(members)} members: {device}", err=True)
    return family_latency(baseline, members, device, threads=threads, batch=batch)


def _latency_document(
    timed: FamilyLatency | None, device: str | None, threads: int, batch: int
) -> dict[str, Any] | None:
    if timed is None:
        return None
    from nas.latency.timing import NOISE_RULE

    return {
        "device": device,
        "threads": threads,
        "batch": batch,
        "baseline_ms": timed.baseline_ms,
        "about": timed.about,
        "noise_rule": NOISE_RULE,
    }


def _coefficients_document(coefficients: ScalingCoefficients | None) -> dict[str, float] | None:
    if coefficients is None:
        return None
    return {**dataclasses.asdict(coefficients), "nominal_ratio": coefficients.nominal_ratio}


def _comparison_document(
    row: Comparison, coefficients: ScalingCoefficients | None
) -> dict[str, Any]:
    used = coefficients or PAPER
    return {
        "member": row.released.name,
        "released": member_row(row.released, None),
        "implied_phi": dataclasses.asdict(row.implied),
        "formula_at_index": member_row(row.at_index, used),
        "formula_at_best_phi": member_row(row.at_best, used),
    }
