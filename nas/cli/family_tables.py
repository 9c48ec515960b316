"""The tables of `nas family`: the members, and the released family beside the formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from nas.cli.output import print_table
from nas.cli.scaling_options import describe
from nas.cost import network_cost
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import FORMULA, Member
from nas.scaling.family_choice import Family
from nas.scaling.family_files import MemberLatency
from nas.scaling.implied import Comparison
from nas.spec import ArchSpec
from nas.units import format_bytes, format_count

if TYPE_CHECKING:
    from nas.latency.families import FamilyLatency

MEMBER_HEADERS = (
    "member",
    "phi",
    "depth",
    "width",
    "px",
    "params",
    "FLOPs",
    "activations",
    "nominal",
    "realised",
)

COMPARISON_HEADERS = (
    "member",
    "network",
    "depth",
    "width",
    "px",
    "phi d",
    "phi w",
    "phi px",
    "phi nom",
    "phi real",
    "params",
    "FLOPs",
    "nominal",
    "realised",
)


def print_members(
    baseline: ArchSpec,
    family: Family,
    resolution_multiple: int,
    training_bytes: Mapping[str, int] | None,
    timed: FamilyLatency | None = None,
) -> None:
    """One row per member; with memory of a training step and latency, where they are known."""
    coefficients = family.coefficients
    name = baseline.name or "network"
    if coefficients is None:
        by = "the released multipliers"
    else:
        by = (
            f"{describe(coefficients)} ({coefficients.nominal_ratio:.3g}x nominal per phi), "
            f"px in multiples of {resolution_multiple}"
        )
        if family.rule != FORMULA:
            by = f"{family.rule}, {by}"
    click.echo(f"Family of {name} ({format_count(network_cost(baseline).flops)} FLOPs): {by}")
    headers: tuple[str, ...] = MEMBER_HEADERS
    rows = [_member_cells(member) for member in family.members]
    if training_bytes is not None:
        headers = (*headers, "training")
        sizes = [format_bytes(training_bytes[member.name]) for member in family.members]
        rows = [(*row, size) for row, size in zip(rows, sizes, strict=True)]
    if timed is not None:
        headers = (*headers, "latency", "spread", "of baseline")
        cells = [_latency_cells(timed.members[member.name]) for member in family.members]
        rows = [(*row, *more) for row, more in zip(rows, cells, strict=True)]
    print_table(headers, rows)
    click.echo(
        "depth and width are multipliers before rounding. nominal = depth * width^2 * (px "
        "ratio)^2;\nrealised = FLOPs of the built, rounded network over the baseline's. FLOPs are "
        "multiply-adds\nof convolution and linear layers for one image, activations the outputs of "
        "convolutions."
    )
    if training_bytes is not None:
        click.echo(
            "training: what each image of a batch keeps in memory for the backward pass, in "
            "float32;\nabout half with bf16. Weights, gradients and moments come on top."
        )
    if timed is not None:
        _explain_latency(timed)


def _latency_cells(latency: MemberLatency) -> tuple[str, str, str]:
    noisy = "~" if latency.noise else ""
    spread = "-" if latency.spread is None else f"{latency.spread:.0%}"
    return f"{noisy}{latency.latency_ms:.2f} ms", spread, f"{noisy}{_ratio(latency.ratio)}"


def _explain_latency(timed: FamilyLatency) -> None:
    measured = any(each.spread is not None for each in timed.members.values())
    click.echo(
        f"latency: {timed.about};\nof baseline: over its {timed.baseline_ms:.2f} ms."
        + (" spread: the median reading over the minimum, less one." if measured else "")
    )
    for name, each in timed.members.items():
        if each.noise:
            click.echo(f"~ {name} is too noisy to compare: {each.noise}")


def print_comparison(rows: Sequence[Comparison], coefficients: ScalingCoefficients) -> None:
    """Per released member three rows: released, the formula at its index, and at its best phi."""
    click.echo(f"The released family beside the formula ({describe(coefficients)})")
    cells: list[tuple[str, ...]] = []
    for row in rows:
        implied = row.implied
        phis = (implied.depth, implied.width, implied.resolution, implied.nominal, implied.realised)
        cells += [
            _comparison_cells(row.released, row.released.name, "released", phis),
            _comparison_cells(row.at_index, "", f"phi {row.at_index.phi:g}", ()),
            _comparison_cells(row.at_best, "", f"best {row.at_best.phi:.2f}", ()),
        ]
    print_table(COMPARISON_HEADERS, cells)
    click.echo(
        "phi d, w, px: the phi that depth, width or resolution alone implies; phi nom, real: log2 "
        "of the nominal or\nrealised ratio. best: the phi of least squares over the logarithms of "
        "the three multipliers."
    )
    spread = _widest(rows)
    if spread is not None:
        click.echo(spread)
    click.echo(
        "The released multipliers are copied from the authors' code: no printed rule gives them. "
        "Rounding makes the\nrest of the difference, see docs/scaling.md."
    )


def _widest(rows: Sequence[Comparison]) -> str | None:
    """One sentence about the member whose dimensions disagree most."""

    def found(row: Comparison) -> list[tuple[str, float]]:
        named = (
            ("depth", row.implied.depth),
            ("width", row.implied.width),
            ("px", row.implied.resolution),
        )
        return [(name, phi) for name, phi in named if phi is not None]

    def spread(row: Comparison) -> float:
        phis = [phi for _, phi in found(row)]
        return max(phis) - min(phis)

    comparable = [row for row in rows if len(found(row)) > 1]
    if not comparable:
        return None
    row = max(comparable, key=spread)
    parts = ", ".join(f"{phi:.2f} by {name}" for name, phi in found(row))
    return f"No single phi gives the released networks: {row.released.name} implies {parts}."


def _member_cells(member: Member) -> tuple[str, ...]:
    return (
        member.name,
        "-" if member.phi is None else f"{member.phi:g}",
        _multiplier(member.multipliers.depth),
        _multiplier(member.multipliers.width),
        str(member.arch.resolution),
        format_count(member.cost.params),
        format_count(member.cost.flops),
        format_count(member.cost.activations),
        _ratio(member.nominal_ratio),
        _ratio(member.realised_ratio),
    )


def _comparison_cells(
    member: Member, name: str, network: str, phis: Sequence[float | None]
) -> tuple[str, ...]:
    shown = ["-" if phi is None else f"{phi:.2f}" for phi in phis] or [""] * 5
    return (
        name,
        network,
        _multiplier(member.multipliers.depth),
        _multiplier(member.multipliers.width),
        str(member.arch.resolution),
        *shown,
        format_count(member.cost.params),
        format_count(member.cost.flops),
        _ratio(member.nominal_ratio),
        _ratio(member.realised_ratio),
    )


def _multiplier(value: float) -> str:
    return f"{value:.3f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x"
