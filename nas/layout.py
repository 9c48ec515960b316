"""A network's settings as a table, in the shape of EfficientNet's Table 1, and how two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.blocks import block_kind
from nas.cost import per_stage
from nas.spec import ArchSpec, SqueezeExcite, StageSpec

Setting = bool | int | float | str | None


@dataclass(frozen=True)
class Row:
    """The stem, a stage or the head.

    `number` counts from 1 with the stem, as the paper does; `part` is the name that parameters and
    `nas cost` use. `resolution` is the side of the input in pixels: it follows from the strides, so
    it is no setting. `settings` are what a spec says, None where it says nothing.
    """

    number: int
    part: str
    operator: str
    resolution: int
    settings: Mapping[str, Setting]


@dataclass(frozen=True)
class Difference:
    """Two networks side by side. A pair is (first's, second's).

    `network` holds the differing settings of the whole network, `rows` those of each part that
    differs; `only_first` and `only_second` are parts that the other network lacks.
    """

    network: Mapping[str, tuple[Setting, Setting]]
    rows: Mapping[str, Mapping[str, tuple[Setting, Setting]]]
    only_first: tuple[str, ...] = field(default=())
    only_second: tuple[str, ...] = field(default=())

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.network or self.rows or self.only_first or self.only_second)


def layout(arch: ArchSpec) -> tuple[Row, ...]:
    """The network's rows: stem, stages, head.

    Raises: SpecError if a block kind is unknown or refuses its settings.
    """
    costs = per_stage(arch)
    settings = (_stem_settings(arch), *map(_stage_settings, arch.stages), _head_settings(arch))
    operators = (costs[0].operator, *map(_stage_operator, arch.stages), costs[-1].operator)
    return tuple(
        Row(number, cost.name, operator, cost.in_size, values)
        for number, (cost, operator, values) in enumerate(
            zip(costs, operators, settings, strict=True), start=1
        )
    )


def network_settings(arch: ArchSpec) -> dict[str, Setting]:
    """What a spec says about the whole network."""
    return {
        "resolution": arch.resolution,
        "in_channels": arch.in_channels,
        "classes": arch.classes,
        "activation": arch.activation,
        "drop_path": arch.drop_path,
        "norm.eps": arch.norm.eps,
        "norm.momentum": arch.norm.momentum,
    }


def difference(first: ArchSpec, second: ArchSpec) -> Difference:
    """Compare settings part by part; stages are matched by their place."""
    ours = {row.part: row for row in layout(first)}
    theirs = {row.part: row for row in layout(second)}
    rows = {
        part: _differing(ours[part].settings, theirs[part].settings)
        for part in ours
        if part in theirs
    }
    return Difference(
        network=_differing(network_settings(first), network_settings(second)),
        rows={part: pairs for part, pairs in rows.items() if pairs},
        only_first=tuple(part for part in ours if part not in theirs),
        only_second=tuple(part for part in theirs if part not in ours),
    )


def describe_squeeze_excite(se: SqueezeExcite | None) -> str | None:
    """The ratio, and what is unlike EfficientNet's: "0.25", "0.25 of expanded, hard-sigmoid"."""
    if se is None:
        return None
    usual = SqueezeExcite()
    text = f"{se.ratio:g}" + ("" if se.of == usual.of else f" of {se.of}")
    if se.divisor != usual.divisor:
        text += f", multiple of {se.divisor}"
    for value, default in ((se.activation, usual.activation), (se.gate, usual.gate)):
        if value != default:
            text += f", {value}"
    return text


def _differing(
    first: Mapping[str, Setting], second: Mapping[str, Setting]
) -> dict[str, tuple[Setting, Setting]]:
    names = dict.fromkeys((*first, *second))
    pairs = {name: (first.get(name), second.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _stem_settings(arch: ArchSpec) -> dict[str, Setting]:
    stem = arch.stem
    return {
        "kernel": stem.kernel,
        "channels": stem.channels,
        "layers": 1,
        "stride": stem.stride,
        "max_pool": stem.max_pool,
        "activation": stem.activation,
    }


def _stage_settings(stage: StageSpec) -> dict[str, Setting]:
    options: dict[str, Any] = {f"options.{name}": value for name, value in stage.options}
    return {
        "block": stage.block,
        "kernel": stage.kernel,
        "channels": stage.channels,
        "layers": stage.layers,
        "stride": stage.stride,
        "expand": stage.expand_ratio if block_kind(stage.block).expands else None,
        "se": describe_squeeze_excite(stage.se),
        "activation": stage.activation,
        "skip": stage.skip,
        **options,
    }


def _head_settings(arch: ArchSpec) -> dict[str, Setting]:
    head = arch.head
    return {
        "channels": head.channels,
        "layers": 1,
        "hidden": head.hidden,
        "dropout": head.dropout,
        "activation": head.activation,
    }


def _stage_operator(stage: StageSpec) -> str:
    expand = f"{stage.expand_ratio:g}" if block_kind(stage.block).expands else ""
    return f"{stage.block}{expand}, k{stage.kernel}x{stage.kernel}"
