"""Networks side by side, in the shape of the EfficientNet paper's Tables 2 and 4.

A row is either counted and measured by this toolkit or printed in the paper, and says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nas.comparison.networks import ComparedNetwork, KnownAccuracy
from nas.errors import ConfigError
from nas.latency.measure import Latency
from nas.published.counterparts import printed_name
from nas.published.table2 import Printed, table2
from nas.registry import did_you_mean


@dataclass(frozen=True)
class Row:
    """A line of the comparison; None where a figure is not known.

    figures: what kind of numbers they are. top1, top5 and top1_sd are fractions; ratios and
    speedup are over the group's baseline (a printed row's are the paper's own). latency_ms is the
    minimum of its readings, noise why it means little. texts: printed figures, digit by digit.
    """

    name: str
    figures: str
    published: bool
    resolution_px: int | None
    top1: float | None
    top5: float | None
    top1_sd: float | None
    params: float | None
    params_ratio: float | None
    flops: float | None
    flops_ratio: float | None
    activations: float | None
    latency_ms: float | None
    speedup: float | None
    noise: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Rows that are compared with one of them. title is empty where there is one group only."""

    title: str
    baseline: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A comparison; notes are lines that a reader of the figures needs."""

    groups: tuple[Group, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of all groups."""
        return tuple(row for group in self.groups for row in group.rows)


@dataclass(frozen=True)
class Measured:
    """A network to compare, with its latency where it was measured."""

    network: ComparedNetwork
    latency: Latency | None = None


def table_of(
    networks: Sequence[Measured], *, baseline: str | None = None, notes: Sequence[str] = ()
) -> Table:
    """One group, compared with `baseline` or the first. Raises: ConfigError if it is not there."""
    base = _baseline(networks, baseline)
    rows = tuple(_row(each, base) for each in networks)
    name = None if base is None else base.network.name
    return Table((Group("", name, rows),), (*notes, *_notes(networks)))


def published_table(
    networks: Sequence[Measured],
    *,
    edition: str,
    baseline: str | None = None,
    whole: bool = False,
    notes: Sequence[str] = (),
) -> Table:
    """The networks in the groups of Table 2, each followed by what the paper prints of it.

    A group's baseline is its EfficientNet where that is among the networks, else its first one;
    `baseline` takes the place of all of them. whole: also the rows of which no network is given.
    Raises: ConfigError if the baseline is not there, NasError for an unknown edition.
    """
    if baseline is not None:
        _baseline(networks, baseline)
    printed = table2(edition)
    names = {id(each): printed_name(each.network.name) for each in networks}
    groups = []
    for title in dict.fromkeys(row.group for row in printed):
        members = [row for row in printed if row.group == title]
        own = {
            row.model: [each for each in networks if names[id(each)] == row.model]
            for row in members
        }
        inside = [each for each_of in own.values() for each in each_of]
        if not inside and not whole:
            continue
        first = own.get(f"EfficientNet-{title}") or inside
        base = _baseline(networks, baseline) if baseline else next(iter(first), None)
        rows: list[Row] = []
        for row in members:
            rows += [_row(each, base) for each in own[row.model]]
            if own[row.model] or whole:
                rows.append(_printed_row(row))
        name = None if base is None else base.network.name
        groups.append(Group(f"similar accuracy: {title}", name, tuple(rows)))
    others = [each for each in networks if names[id(each)] is None]
    if others:
        base = _baseline(networks, baseline) if baseline else others[0]
        assert base is not None
        rest = tuple(_row(each, base) for each in others)
        groups.append(Group("not in the paper's Table 2", base.network.name, rest))
    return Table(tuple(groups), (*notes, *_printed_notes(groups), *_notes(networks)))


def _baseline(networks: Sequence[Measured], name: str | None) -> Measured | None:
    if name is None:
        return networks[0] if networks else None
    known = [each.network.name for each in networks]
    if name not in known:
        raise ConfigError(
            f"--baseline {name} is not among the networks to compare; {did_you_mean(name, known)}"
        )
    return networks[known.index(name)]


def _row(each: Measured, base: Measured | None) -> Row:
    network, latency, accuracy = each.network, each.latency, each.network.accuracy
    assert base is not None
    kinds = ["counted"]
    if accuracy is not None:
        kinds.append(f"accuracy {accuracy.kind}")
    if latency is not None:
        kinds.append("latency measured here")
    ms = None if latency is None else latency.minimum_ms
    base_ms = None if base.latency is None else base.latency.minimum_ms
    return Row(
        name=network.name,
        figures="; ".join(kinds),
        published=False,
        resolution_px=network.resolution_px,
        top1=None if accuracy is None else accuracy.top1,
        top5=None if accuracy is None else accuracy.top5,
        top1_sd=None if accuracy is None else accuracy.sd,
        params=network.params,
        params_ratio=network.params / base.network.params,
        flops=network.flops,
        flops_ratio=network.flops / base.network.flops,
        activations=network.activations,
        latency_ms=ms,
        speedup=base_ms / ms if ms and base_ms else None,
        noise="" if latency is None else latency.noise,
    )


def _printed_row(printed: Printed) -> Row:
    return Row(
        name=printed.model,
        figures=printed.label,
        published=True,
        resolution_px=None,
        top1=printed.top1,
        top5=printed.top5,
        top1_sd=None,
        params=printed.params,
        params_ratio=printed.params_ratio,
        flops=printed.flops,
        flops_ratio=printed.flops_ratio,
        activations=None,
        latency_ms=printed.latency_ms,
        speedup=printed.speedup,
        texts=printed.texts,
    )


def _notes(networks: Sequence[Measured]) -> list[str]:
    """What the figures are of: how counted, accuracy of what, latency on what."""
    lines = []
    known = [each.network.accuracy for each in networks if each.network.accuracy is not None]
    if len({(accuracy.kind, accuracy.source) for accuracy in known}) > 1:
        lines.append("the accuracies are of different kinds or images: do not compare them")
    for each in networks:
        accuracy, name = each.network.accuracy, each.network.name
        if accuracy is not None:
            lines.append(f"{name}: accuracy {_with_kind(accuracy)}")
        if not each.network.counted_by.startswith("arithmetic"):
            lines.append(f"{name}: counted by {each.network.counted_by}")
        if each.network.note:
            lines.append(f"{name}: {each.network.note}")
        if each.latency is not None and each.latency.noisy:
            lines.append(
                f"{name}: ~ marks a latency too noisy to compare: {each.latency.noise}; measure "
                "again on a quieter machine"
            )
    return lines


def _with_kind(accuracy: KnownAccuracy) -> str:
    """The kind and the source; some sources begin with what kind they are."""
    if accuracy.source.startswith(("predicted", "measured")):
        return accuracy.source
    return f"{accuracy.kind} on {accuracy.source}"


def _printed_notes(groups: Sequence[Group]) -> list[str]:
    rows = [row for group in groups for row in group.rows if row.published]
    lines = []
    if rows:
        lines.append(
            "published: Tan & Le, arXiv 1905.11946, figures and ratios as printed there; they are "
            "not measured here"
        )
    if any(row.latency_ms is not None for row in rows):
        lines.append(
            "published latencies: Table 4, batch 1, one core of a Xeon E5-2690; the speed-ups are "
            "B1's over ResNet-152 and B7's over GPipe"
        )
    return lines
