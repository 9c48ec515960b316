"""A comparison in one call: found, weighed, timed, set side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.comparison.networks import ComparedNetwork, find_compared
from nas.comparison.table import Measured, Table, published_table, table_of
from nas.comparison.weights import measured, with_weights
from nas.errors import ConfigError
from nas.latency.measure import Latency, MeasureSettings, check_device, measure_latencies
from nas.latency.subjects import subject_of
from nas.opaque import OPAQUE_NETWORKS
from nas.published.counterparts import COUNTERPARTS
from nas.references import REFERENCES
from nas.spec import ArchSpec


@dataclass(frozen=True)
class CompareSettings:
    """What to set side by side.

    baseline: the network that ratios are of; None is the first, or each group's EfficientNet in
    published tables. resolution: of all networks, in px. data, weights: test images, and files
    that are measured on them ([ARCH=]FILE). device: of that measuring. latency: how to measure it;
    None does not. published: add what the EfficientNet paper prints, from `edition`'s text.
    """

    baseline: str | None = None
    resolution: int | None = None
    data: str | None = None
    weights: tuple[str, ...] = ()
    device: str | None = None
    latency: MeasureSettings | None = None
    published: bool = False
    edition: str = "v5"


def compare_networks(names: Sequence[str | ArchSpec], settings: CompareSettings) -> Table:
    """Compare the networks that `names` names, or is; without any, the whole published table.

    Raises: NasError, in one line, for what cannot be found, read or measured, and for settings
    that contradict each other.
    """
    whole = not names and not settings.weights
    if whole and not settings.published:
        raise ConfigError("name networks to compare, or ask for the paper's table: --published")
    if settings.latency is not None:
        # Before anything that takes long.
        check_device(settings.latency.device, settings.latency.threads)
    typed: list[str | ArchSpec]
    typed = [*dict.fromkeys(names)] if names else _known_of_table2() if whole else []
    networks = [find_compared(name, resolution=settings.resolution) for name in typed]
    networks = with_weights(networks, settings.weights, settings.resolution)
    networks, notes = _measured(networks, settings)
    latencies = _latencies(networks, settings.latency)
    rows = [Measured(*pair) for pair in zip(networks, latencies, strict=True)]
    if settings.latency is not None and latencies and latencies[0] is not None:
        notes.append(_about_latency(latencies[0], settings.latency))
    if not settings.published:
        return table_of(rows, baseline=settings.baseline, notes=notes)
    return published_table(
        rows, edition=settings.edition, baseline=settings.baseline, whole=whole, notes=notes
    )


def _known_of_table2() -> list[str | ArchSpec]:
    """The networks of Table 2 that are known without any library."""
    known = {*REFERENCES, *OPAQUE_NETWORKS}
    named = (c.network for c in COUNTERPARTS.values() if c.resolution_px is None)
    return [name for name in named if isinstance(name, str) and name in known]


def _measured(
    networks: list[ComparedNetwork], settings: CompareSettings
) -> tuple[list[ComparedNetwork], list[str]]:
    """Accuracies on the images, for the networks that have weights; and what to say of it."""
    with_files = [network for network in networks if network.weights is not None]
    if settings.data is None:
        if any("=" in text for text in settings.weights):
            raise ConfigError("--weights ARCH=FILE is measured on images; add --data DIR")
        return networks, []
    if not with_files:
        raise ConfigError(
            "--data measures weights and none are given; name weight files among the networks, "
            "or with --weights [ARCH=]FILE"
        )
    from nas.data.opening import open_data
    from nas.training.devices import chosen_device

    chosen_device(settings.device)
    data = open_data(settings.data)
    found = [
        network if network.weights is None else measured(network, data, device=settings.device)
        for network in networks
    ]
    notes = [*data.notes, *data.problems.lines()]
    others = [network.name for network in networks if network.weights is None]
    if others:
        notes.append(f"not measured, no weights: {', '.join(others)}")
    return found, notes


def _latencies(
    networks: Sequence[ComparedNetwork], settings: MeasureSettings | None
) -> list[Latency | None]:
    if settings is None:
        return [None] * len(networks)
    # As they were typed: a file's network may have any name.
    subjects = [subject_of(each.network, name=each.name) for each in networks]
    return [*measure_latencies(subjects, settings)]


def _about_latency(latency: Latency, settings: MeasureSettings) -> str:
    clock = "CPU time" if latency.clock == "cpu" else "wall time"
    return (
        f"latency: {clock}, minimum of interleaved rounds, batch {settings.batch}, float32, "
        f"{latency.device.describe()}"
    )
