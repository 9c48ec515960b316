"""`nas.family`: `nas family` as a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.api.calls import Arch, arch_text, call_text, path_or_none
from nas.api.networks import Coefficients, as_coefficients, load
from nas.errors import ConfigError
from nas.registry import did_you_mean
from nas.runs.command_record import write_command_record
from nas.scaling.coefficients import ScalingCoefficients
from nas.scaling.family import RESOLUTION_MULTIPLE, Member
from nas.scaling.family_choice import Sizes, choose_rule, default_folder, make_family
from nas.scaling.family_files import TABLE, write_family
from nas.units import parse_count

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Family:
    """Networks of growing size: `family["b3"].arch`. folder: holds one JSON file for each.

    coefficients is None for the released family.
    """

    folder: Path
    rule: str
    coefficients: ScalingCoefficients | None
    members: tuple[Member, ...]

    def __getitem__(self, name: str) -> Member:
        """A member by name. Raises: ConfigError if there is none."""
        named = {member.name: member for member in self.members}
        if name not in named:
            raise ConfigError(f"the family has no member '{name}'; {did_you_mean(name, named)}")
        return named[name]

    def path(self, name: str) -> Path:
        """A member's JSON file. Raises: ConfigError if there is none."""
        return self.folder / f"{self[name].name}.json"

    @property
    def table(self) -> pd.DataFrame:
        """One row for each member: multipliers, px, costs, nominal and realised FLOPs ratio."""
        import pandas as pd

        return pd.read_csv(self.folder / TABLE)


def family(
    baseline: Arch = "efficientnet-b0",
    *,
    rule: str | None = None,
    coefficients: Coefficients | str | Path | None = None,
    published: bool = False,
    phis: Sequence[float] = (),
    ratios: Sequence[float] = (),
    flops: Sequence[int | str] = (),
    resolution_multiple: int = RESOLUTION_MULTIPLE,
    latency: str | None = None,
    threads: int = 1,
    batch: int = 1,
    out: str | Path | None = None,
) -> Family:
    """Make B0..B7 of a network and write them: as released, or by a rule of depth, width and px.

    The settings are those of `nas family`, with its defaults: a run's fitted coefficients where it
    has them, else the released family. coefficients: alpha, beta, gamma, or a file of
    `nas.fit_scaling`. phis, ratios or flops ("700M") say how large the members are. latency: a
    device (cpu, onnxruntime, cuda) on which the members are measured, with so many threads and
    images at once, or the file of a latency table; the table then has their latencies.

    Raises: NasError, in one line, where settings contradict each other or a size cannot be met.
    """
    command = call_text(family, locals())
    text = arch_text(baseline)
    from_file = isinstance(coefficients, str | Path)
    given = None if isinstance(coefficients, str | Path) else as_coefficients(coefficients)
    name, used = choose_rule(
        rule, published, given, Path(str(coefficients)) if from_file else None, text
    )
    sizes = Sizes(
        tuple(map(float, phis)),
        tuple(map(float, ratios)),
        tuple(parse_count(each, "flops") for each in flops),
    )
    # Everything is computed before anything is written: bad input leaves no half family behind.
    made = make_family(load(baseline), name, used, sizes, resolution_multiple)
    latencies = None
    if latency is not None:
        from nas.latency.families import family_latency

        settings = {"threads": threads, "batch": batch}
        latencies = family_latency(load(baseline), made.members, latency, **settings).members
    folder = path_or_none(out) or default_folder(text)
    write_family(folder, made.members, used, latencies=latencies)
    write_command_record(folder, "family", command)
    return Family(folder, name, used, tuple(made.members))
