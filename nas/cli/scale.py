"""`nas scale`: the multiplier that meets a FLOPs figure, and how closely rounding lets it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import click

from nas.cli.options import COUNT, NETWORK, json_option
from nas.cli.output import print_json, print_table
from nas.cli.scaling_options import (
    coefficient_options,
    coefficients_from,
    describe,
    resolution_multiple_option,
)
from nas.cost import network_cost
from nas.errors import ConfigError
from nas.files import write_text_atomic
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.steps import WAYS, By, Direction, Step
from nas.scaling.target import Fit, fit_to_flops
from nas.spec import ArchSpec
from nas.units import format_count


@click.command("scale")
@click.argument("arch", type=NETWORK)
@click.option(
    "--to-flops",
    "target_flops",
    type=COUNT,
    required=True,
    metavar="F",
    help="The FLOPs to meet, such as 400M; above or below the network's own.",
)
@click.option(
    "--by",
    type=click.Choice(WAYS),
    default="compound",
    show_default=True,
    help="What grows or shrinks. compound: depth alpha^phi, width beta^phi, resolution gamma^phi.",
)
@coefficient_options
@resolution_multiple_option
@click.option(
    "--nearest",
    is_flag=True,
    help="--out writes the nearest network, which may be above F, not the best one within F.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the network as JSON, which `nas cost` and every other command read.",
)
@json_option
def command(
    arch: ArchSpec,
    target_flops: int,
    by: str,
    alpha: float | None,
    beta: float | None,
    gamma: float | None,
    resolution_multiple: int,
    nearest: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Scale ARCH to a FLOPs figure, as closely as whole layers, channels and pixels let it.

    \b
    nas scale efficientnet-b0 --to-flops 1G
    nas scale efficientnet-b0 --to-flops 200M --by width --out narrow.json
    nas scale runs/mine --to-flops 2G --alpha 1.1 --beta 1.2 --gamma 1.1

    ARCH is a reference name (efficientnet-b0), a JSON file, a run (its best network) or a run's
    member (RUN:b3). Compound scaling takes the paper's coefficients (1.2, 1.1, 1.15) where none
    are given.

    FLOPs grow in steps: each network holds for an interval of the multiplier (of phi, for compound
    scaling), and then something gains a layer, eight channels or some pixels. The steps around F
    are found exactly. The table shows the largest network within F, its neighbours, the interval
    that gives each of them, and how far each is from F. A multiplier below 1, or a negative phi,
    makes a smaller network.

    \b
    Keys of --json: target_flops, by, coefficients (null unless compound), resolution_multiple,
    baseline (name, digest, flops), best: the largest network within F; nearest: the nearest on
    either side; smaller, above, larger: the neighbours, null where there is none. Each has
    multiplier (the phi, for compound), low and high (the interval; low is null where every smaller
    multiplier gives the same), cost (flops, params, activations, ...), gap_flops, gap_ratio, digest
    and spec; out: the file written, or null.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    given = coefficients_from(alpha, beta, gamma)
    if given is not None and by != "compound":
        raise ConfigError(f"alpha, beta and gamma have no part in scaling by {by}; leave them out")
    coefficients = (given or PAPER) if by == "compound" else None
    direction = Direction(arch, cast(By, by), coefficients, resolution_multiple)
    fit = fit_to_flops(direction, target_flops)
    chosen = fit.nearest if nearest else fit.below
    if out is not None:
        write_text_atomic(out, direction.named(chosen).to_json())
    if as_json:
        print_json(_document(direction, fit, out))
        return
    _print_fit(direction, fit)
    if out is not None:
        which = "the nearest network" if nearest else "the largest network within the target"
        click.echo(f"Wrote {which}, {format_count(chosen.cost.flops)}, to {out}.")


def _document(direction: Direction, fit: Fit, out: Path | None) -> dict[str, Any]:
    def step(found: Step | None) -> dict[str, Any] | None:
        if found is None:
            return None
        return {
            "multiplier": found.multiplier,
            "low": found.low,
            "high": found.high,
            "cost": dataclasses.asdict(found.cost),
            "gap_flops": found.cost.flops - fit.target_flops,
            "gap_ratio": found.cost.flops / fit.target_flops - 1,
            "digest": found.arch.digest(),
            "spec": found.arch.to_dict(),
        }

    coefficients = direction.coefficients
    return {
        "target_flops": fit.target_flops,
        "by": direction.by,
        "coefficients": None if coefficients is None else dataclasses.asdict(coefficients),
        "resolution_multiple": direction.resolution_multiple,
        "baseline": {
            "name": direction.baseline.name,
            "digest": direction.baseline.digest(),
            "flops": network_cost(direction.baseline).flops,
        },
        "best": step(fit.below),
        "nearest": step(fit.nearest),
        "smaller": step(fit.smaller),
        "above": step(fit.above),
        "larger": step(fit.larger),
        "out": None if out is None else str(out),
    }


def _print_fit(direction: Direction, fit: Fit) -> None:
    name = direction.baseline.name or "network"
    way = direction.by + _described(direction.coefficients)
    click.echo(
        f"{name} ({format_count(network_cost(direction.baseline).flops)} FLOPs) scaled to "
        f"{format_count(fit.target_flops)} FLOPs by {way}"
    )
    multiplier = "phi" if direction.by == "compound" else "multiplier"
    rows = (
        ("next smaller", fit.smaller),
        ("best within", fit.below),
        ("next above", fit.above),
        ("one more", fit.larger),
    )
    print_table(
        ("", multiplier, "from", "to", "layers", "channels", "px", "params", "FLOPs", "gap"),
        [_cells(label, step, fit) for label, step in rows if step is not None],
    )
    nearest = "the same network" if fit.nearest is fit.below else "the next above"
    click.echo(
        f"Best within {format_count(fit.target_flops)}: {multiplier} {fit.below.multiplier:.12g}, "
        f"{_gap(fit.below, fit)}. Nearest on either side: {nearest}, {_gap(fit.nearest, fit)}.\n"
        f"Every {multiplier} between from and to gives the same network. layers: blocks; channels: "
        "stem to head.\nFLOPs are multiply-adds of convolution and linear layers for one image."
    )


def _described(coefficients: ScalingCoefficients | None) -> str:
    return "" if coefficients is None else f" ({describe(coefficients)})"


def _cells(label: str, step: Step, fit: Fit) -> tuple[str, ...]:
    arch = step.arch
    last = arch.head.channels or arch.stages[-1].channels
    return (
        label,
        f"{step.multiplier:.12g}",
        "-" if step.low is None else f"{step.low:.6f}",
        f"{step.high:.6f}",
        str(arch.depth),
        f"{arch.stem.channels}-{last}",
        str(arch.resolution),
        format_count(step.cost.params),
        format_count(step.cost.flops),
        _gap(step, fit),
    )


def _gap(step: Step, fit: Fit) -> str:
    return f"{100 * (step.cost.flops / fit.target_flops - 1):+.2f} %"
