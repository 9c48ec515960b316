"""Several searches side by side: what they were told, how they went, what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.errors import ConfigError
from nas.report.curves import MOST_RUNS, compared_curves
from nas.report.drawing import network_drawing
from nas.report.figures import Plot
from nas.report.page import StageRow, stage_rows
from nas.report.searched import Network, Searched, read_search
from nas.searching.config import SearchConfig
from nas.units import format_count


@dataclass(frozen=True)
class Setting:
    """A setting that is not the same in all runs, with each run's value as text."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """names: how the runs are called in the page, each once. alike: whether their figures are of
    one kind, so that they may be compared; stages: of the runs in `drawn` (by name).
    """

    runs: tuple[Searched, ...]
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    stages: tuple[StageRow, ...]
    drawn: tuple[str, ...]
    sources: tuple[str, ...]
    plots: dict[str, Plot]

    @property
    def beside(self) -> list[Network]:
        """What the searches' results are set beside, each once."""
        found = {(run.beside.spec, run.beside.judged): run.beside for run in self.runs}
        return list(found.values())

    @property
    def alike(self) -> bool:
        """Whether all figures are of one source."""
        return len(self.sources) <= 1


def compare(folders: Sequence[Path]) -> Comparison:
    """Read the searches of several run folders.

    Raises: ConfigError for fewer than two, too many or the same twice; RunError for what is no run.
    """
    if not 2 <= len(folders) <= MOST_RUNS:
        named = "1 run is" if len(folders) == 1 else f"{len(folders)} runs are"
        raise ConfigError(
            f"{named} named; a comparison takes 2 to {MOST_RUNS}, such as "
            "`nas report --compare runs/a runs/b`"
        )
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ConfigError("a run is named twice; name each once")
    runs = [read_search(folder) for folder in folders]
    names = _names(folders)
    found = [
        (name, run.found.spec)
        for name, run in zip(names, runs, strict=True)
        if run.found is not None and run.found.spec is not None
    ]
    plots = [compared_curves(runs, names)]
    if found:
        plots.append(network_drawing(found, "stages-compared"))
    sources = [run.found.judged.source for run in runs if run.found and run.found.judged]
    return Comparison(
        runs=tuple(runs),
        names=tuple(names),
        settings=tuple(_settings(runs)),
        stages=stage_rows([spec for _, spec in found]),
        drawn=tuple(name for name, _ in found),
        sources=tuple(dict.fromkeys(sources)),
        plots={plot.name: plot for plot in plots if plot is not None},
    )


def _names(folders: Sequence[Path]) -> list[str]:
    """The folders' own names where these differ, else their paths."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _settings(runs: Sequence[Searched]) -> list[Setting]:
    flat = [_flat(run.config) for run in runs]
    names = dict.fromkeys(name for one in flat for name in one)
    rows = [Setting(name, tuple(one.get(name, "-") for one in flat)) for name in names]
    return [row for row in rows if len(set(row.values)) > 1]


def _flat(config: SearchConfig) -> dict[str, str]:
    """Settings by name as text; the evaluator's options each by its own."""
    found: dict[str, str] = {}
    for name, value in config.to_dict().items():
        if name == "evaluator_options":
            found |= {str(option): str(chosen) for option, chosen in value}
        elif name == "bounds":
            found["bounds"] = ", ".join(bound.describe() for bound in config.bounds) or "-"
        elif name == "target_flops":
            found["target FLOPs"] = format_count(value)
        elif isinstance(value, list):
            found[name.replace("_", " ")] = ", ".join(map(str, value)) or "-"
        else:
            found[name.replace("_", " ")] = "-" if value is None else str(value)
    return found
