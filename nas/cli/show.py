"""`nas show`: a network stage by stage, alone or beside another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from nas.cli.options import NETWORK, json_option
from nas.cli.output import print_json, print_table
from nas.cost import network_cost
from nas.layout import Difference, Row, Setting, difference, layout, network_settings
from nas.spec import ArchSpec
from nas.units import format_count

SHOWN = ("channels", "layers", "stride", "expand", "se")
"""Settings with a column of their own; the operator holds block and kernel, `other` the rest."""

HEADERS = ("stage", "part", "operator", "resolution", *SHOWN, "other")


@click.command("show")
@click.argument("arch", type=NETWORK)
@click.option("--diff", "other", type=NETWORK, metavar="ARCH", help="Mark what differs from ARCH.")
@json_option
def command(arch: ArchSpec, other: ArchSpec | None, as_json: bool) -> None:
    """The stages of ARCH, in the shape of EfficientNet's Table 1.

    ARCH is a reference name (efficientnet-b0), a JSON file, a run (its best network) or a run's
    member (RUN:b3). The resolution is that of the stage's input. With --diff a cell that differs
    reads "ARCH's != the other's"; stages are matched by their place.

    Keys of --json: name, digest, flops, params, settings (of the whole network), rows: a list with
    number, part, operator, resolution, settings; diff: null without --diff, else name, digest,
    same, network (setting: [ARCH's, the other's]), rows (part: the same), only_first and
    only_second (parts that the other network lacks).
    """
    # First, because it names the stage of an impossible block.
    cost = network_cost(arch)
    if other is not None:
        network_cost(other)
    compared = None if other is None else difference(arch, other)
    rows = layout(arch)
    if as_json:
        print_json(
            {
                "name": arch.name,
                "digest": arch.digest(),
                "flops": cost.flops,
                "params": cost.params,
                "settings": network_settings(arch),
                "rows": [_row_document(row) for row in rows],
                "diff": None if other is None else _diff_document(other, compared),
            }
        )
        return
    click.echo(_headline(arch))
    if other is None or compared is None:
        _print_cells([_cells(row) for row in rows])
        return
    click.echo(f"!= {_headline(other)}")
    _print_cells(_compared_cells(rows, layout(other), compared))
    _print_difference(compared, len(rows) + len(compared.only_second))


def _headline(arch: ArchSpec) -> str:
    cost = network_cost(arch)
    return (
        f"{arch.name or 'network'} {arch.digest()}: {arch.resolution} px, {arch.activation}, "
        f"{arch.classes} classes; {format_count(cost.params)} parameters, "
        f"{format_count(cost.flops)} FLOPs (multiply-adds)"
    )


def _print_cells(cells: list[list[str]]) -> None:
    # Most networks need no column for the rest.
    width = len(HEADERS) if any(row[-1] for row in cells) else len(HEADERS) - 1
    print_table(HEADERS[:width], [row[:width] for row in cells])


def _cells(row: Row) -> list[str]:
    return [
        str(row.number),
        row.part,
        row.operator,
        f"{row.resolution}x{row.resolution}",
        *(_cell(row.settings.get(name)) for name in SHOWN),
        _rest(row.settings),
    ]


def _cell(value: Setting) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _rest(settings: Mapping[str, Setting]) -> str:
    """What has no column, as far as it is said: "no skip, groups 32, relu"."""
    words = []
    if settings.get("activation") is not None:
        words.append(str(settings["activation"]))
    if settings.get("skip") is False:
        words.append("no skip")
    if settings.get("dropout"):
        words.append(f"dropout {_cell(settings['dropout'])}")
    words += [
        f"{name.removeprefix('options.')} {_cell(value)}"
        for name, value in settings.items()
        if name.startswith("options.")
    ]
    return ", ".join(words)


def _compared_cells(
    rows: tuple[Row, ...], others: tuple[Row, ...], compared: Difference
) -> list[list[str]]:
    """The first network's cells, with the other's behind where they differ."""
    first, second = ({row.part: row for row in each} for each in (rows, others))
    # The longer network has every stage; both end with the head.
    order = [row.part for row in max(rows, others, key=len)]
    cells = []
    for number, part in enumerate(order, start=1):
        shown = _cells(first.get(part) or second[part])
        if part in compared.only_first or part in compared.only_second:
            note = "only in the first" if part in compared.only_first else "only in the second"
            shown[-1] = f"{note}; {shown[-1]}".removesuffix("; ")
        else:
            shown = [
                mine if mine == theirs else f"{mine or '-'} != {theirs or '-'}"
                for mine, theirs in zip(shown, _cells(second[part]), strict=True)
            ]
            # It follows from the strides and the input, and is no setting.
            shown[3] = _cells(first[part])[3]
        cells.append([str(number), *shown[1:]])
    return cells


def _print_difference(compared: Difference, parts: int) -> None:
    if compared.same:
        click.echo("no setting differs")
        return
    network = ", ".join(
        f"{name} {_cell(mine)} != {_cell(theirs)}"
        for name, (mine, theirs) in compared.network.items()
    )
    if network:
        click.echo(f"network: {network}")
    differing = len(compared.rows) + len(compared.only_first) + len(compared.only_second)
    click.echo(f"{differing} of {parts} parts differ; resolutions are the first network's")


def _row_document(row: Row) -> dict[str, Any]:
    return {
        "number": row.number,
        "part": row.part,
        "operator": row.operator,
        "resolution": row.resolution,
        "settings": dict(row.settings),
    }


def _diff_document(other: ArchSpec, compared: Difference | None) -> dict[str, Any]:
    assert compared is not None
    return {
        "name": other.name,
        "digest": other.digest(),
        "same": compared.same,
        "network": {name: list(pair) for name, pair in compared.network.items()},
        "rows": {
            part: {name: list(pair) for name, pair in pairs.items()}
            for part, pairs in compared.rows.items()
        },
        "only_first": list(compared.only_first),
        "only_second": list(compared.only_second),
    }
