"""A table: a device's latencies of a space's parts, and what whole networks of them take.

Plain JSON. Reading one and predicting need neither torch nor the device.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.files import write_text_atomic
from nas.latency.errors import LatencyError
from nas.latency.layers import Features
from nas.latency.machine import Device
from nas.latency.model import Agreement, Overheads, model_ms, rate_of
from nas.latency.parts import parts_of
from nas.spec import ArchSpec
from nas.units import how_many

SCHEMA = 2
"""1 had a model that did not tell channels by multiples of 16; its features are unknown here."""
WHAT = "latency table"
VALUES = "boundary values"
GOAL_ERROR, GOAL_TAU = 0.07, 0.9
"""Beyond these a table's predictions are called poor."""


@dataclass(frozen=True)
class Prediction:
    """A predicted latency of one run of the table's batch.

    modelled: the share of it that parts make up which the table did not measure.
    """

    latency_ms: float
    modelled: float


@dataclass(frozen=True)
class Conditions:
    """What the machine did while it was measured.

    load_average: the least and the most, None where the system does not tell. repeatability: by
    how much the minima of a network differed between passes, in the median over networks, as a
    fraction. cores: how many the process might use.
    """

    clock: str
    layout: str
    passes: int
    rounds: int
    cores: int
    load_average: tuple[float, float] | None
    repeatability: float


@dataclass(frozen=True)
class LatencyTable:
    """See the module's text.

    parts: key -> milliseconds alone. model: feature -> milliseconds per unit, for other parts.
    model_error: its median relative error on parts that it was not fitted on. check: what the
    held-out networks say, `networks` each of them.
    """

    space: str
    resolution: int
    classes: int
    in_channels: int
    batch: int
    target_flops: int | None
    device: Device
    conditions: Conditions
    parts: Mapping[str, float]
    distinct_parts: int
    model: Mapping[str, float]
    model_error: float
    overheads: Overheads
    check: Agreement
    networks: tuple[Mapping[str, Any], ...] = ()

    def predict(self, arch: ArchSpec) -> Prediction:
        """What `arch` takes on the device, of this space or not.

        Parts that were not measured are those of other spaces, widths or resolutions; the model
        tells what they take.
        """
        return self.predict_parts([(part.key, part.features) for part in parts_of(arch)])

    def predict_parts(self, parts: list[tuple[str, Features]]) -> Prediction:
        """What a network of these (key, features) takes."""
        total = modelled = values = 0.0
        for key, features in parts:
            known = self.parts.get(key)
            if known is None:
                known = model_ms(self.model, features)
                modelled += known
            total += known
            values += features.get(VALUES, 0.0)
        latency_ms = self.overheads.latency_ms(total, len(parts), values)
        return Prediction(latency_ms, modelled / total)

    def unknown(self, arch: ArchSpec) -> tuple[str, ...]:
        """Kinds of work of `arch` that the table has seen nothing of: they would cost nothing."""
        features = {
            name
            for part in parts_of(arch)
            if part.key not in self.parts
            for name, amount in part.features.items()
            if amount and rate_of(self.model, name) is None
        }
        return tuple(sorted(features))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        content = {"schema": SCHEMA, "what": WHAT}
        for field in dataclasses.fields(self):
            content[field.name] = getattr(self, field.name)
        return content | {
            "device": self.device.to_dict(),
            "conditions": dataclasses.asdict(self.conditions),
            "parts": dict(self.parts),
            "model": dict(self.model),
            "overheads": dataclasses.asdict(self.overheads),
            "check": dataclasses.asdict(self.check),
            "networks": [dict(each) for each in self.networks],
        }

    @classmethod
    def from_dict(cls, content: Any) -> LatencyTable:
        """Read `to_dict`'s output.

        Raises: LatencyError for another schema; KeyError, TypeError or ValueError where it is none.
        """
        if content["what"] != WHAT:
            raise ValueError("it is another file")
        if content["schema"] != SCHEMA:
            raise LatencyError(
                f"has schema {content['schema']}, this version reads {SCHEMA}; measure it anew "
                "with `nas latency table`"
            )
        values = {field.name: content[field.name] for field in dataclasses.fields(cls)}
        conditions = dict(content["conditions"])
        if conditions["load_average"] is not None:
            least, most = conditions["load_average"]
            conditions["load_average"] = (float(least), float(most))
        values |= {
            "device": Device.from_dict(content["device"]),
            "conditions": Conditions(**conditions),
            "parts": {str(key): float(ms) for key, ms in dict(content["parts"]).items()},
            "model": {str(key): float(ms) for key, ms in dict(content["model"]).items()},
            "overheads": Overheads(**content["overheads"]),
            "check": Agreement(**content["check"]),
            "networks": tuple(content["networks"]),
        }
        return cls(**values)


def write_table(path: Path, table: LatencyTable) -> None:
    """Write a table as JSON, beside and renamed."""
    write_text_atomic(path, json.dumps(table.to_dict(), indent=1) + "\n")


def read_table(path: Path) -> LatencyTable:
    """Read a table. Raises: LatencyError, in one line, where it is none."""
    try:
        return LatencyTable.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LatencyError(
            f"cannot read the latency table {path}: {error.strerror}; "
            "make one with `nas latency table`"
        ) from None
    except LatencyError as error:
        raise LatencyError(f"the latency table {path} {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LatencyError(
            f"{path} is no latency table of this version; make one with `nas latency table`"
        ) from None


def names_table(device: str) -> bool:
    """Whether what a person gave for a device is a table's file."""
    return device.endswith(".json") or "/" in device or Path(device).is_file()


def table_for(path: str, *, threads: int, batch: int) -> LatencyTable:
    """Read a table for predictions with so many threads and images; 1 is whatever it has.

    Raises: LatencyError where it is none, or was measured with others.
    """
    table = read_table(Path(path))
    for name, given, measured in (
        ("threads", threads, table.device.threads),
        ("images a run", batch, table.batch),
    ):
        if given not in (1, measured):
            raise LatencyError(
                f"table {path} was measured with {measured} {name}, not {given}; leave the number "
                "out, or make another table"
            )
    return table


def check_known(table: LatencyTable, path: str, arch: ArchSpec) -> None:
    """Raises: LatencyError where a network does work that the table has seen nothing of."""
    unknown = table.unknown(arch)
    if unknown:
        raise LatencyError(
            f"table {path} (space {table.space}) has measured nothing like '{unknown[0]}' of "
            f"{arch.name or 'the scaled baseline'}; use a table of a space with such blocks, or "
            "measure on a device: cpu, onnxruntime or cuda"
        )


def describe_table(table: LatencyTable) -> list[str]:
    """What a person should know of a table, in lines."""
    conditions = table.conditions
    load = conditions.load_average
    lines = [
        f"space {table.space}, {table.resolution} px, {how_many(table.batch, 'image')} a run",
        f"measured: {table.device.describe()}",
        f"  {conditions.passes} passes of {conditions.rounds} interleaved rounds, "
        + ("CPU time of the thread" if conditions.clock == "cpu" else "wall time")
        + ("" if load is None else f", load average {load[0]:g} to {load[1]:g}")
        + f" on {conditions.cores} cores",
        f"  two passes differ by {conditions.repeatability:.1%} in the median network: "
        "no prediction can be checked more closely",
        f"parts: {len(table.parts)} measured of {table.distinct_parts} met; others by a model of "
        f"layers (median error {table.model_error:.1%} on parts that it had not seen)",
        f"check: {table.check.describe()}",
    ]
    if table.check.median_error > GOAL_ERROR or table.check.kendall_tau < GOAL_TAU:
        lines.append(
            f"  this is worse than a median of {GOAL_ERROR:.0%} or a tau of {GOAL_TAU:g}: take "
            "more --passes on a quieter machine before relying on it"
        )
    return lines


def check_space(table: LatencyTable, path: str, network: ArchSpec, space: str) -> None:
    """Refuse a table whose space or input is another than that of a search's networks.

    Raises: LatencyError naming the difference.
    """
    ours = {
        "space": space,
        "resolution": network.resolution,
        "classes": network.classes,
        "input channels": network.in_channels,
    }
    theirs = {
        "space": table.space,
        "resolution": table.resolution,
        "classes": table.classes,
        "input channels": table.in_channels,
    }
    for what, value in ours.items():
        if theirs[what] != value:
            raise LatencyError(
                f"table {path} was measured for {what} {theirs[what]}, the search has {value}; "
                f"make one with `nas latency table --space {space} --resolution "
                f"{network.resolution}`"
            )
