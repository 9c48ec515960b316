"""Everything that a report's page shows, gathered before it is laid out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.cost import describe_stage
from nas.errors import RunError
from nas.fitting.folder import FIT
from nas.report.absent import Absent, absent_parts
from nas.report.choices import CommonChoices, choices_plot, common_choices
from nas.report.curves import best_so_far_plot
from nas.report.drawing import network_drawing
from nas.report.figures import Plot
from nas.report.front import front_plot
from nas.report.importance import Importance, importance, importance_plot
from nas.report.latency import LatencyRow, latency_rows
from nas.report.nearby import Nearby, folders_in, look_around
from nas.report.scaling_plots import family_plot, grid_plot
from nas.report.searched import Searched, is_search, read_search
from nas.report.surroundings import (
    Command,
    commands,
    recorded_machines,
    recorded_versions,
    this_machine,
)
from nas.report.training_curve import training_curve
from nas.report.trust_plot import trust_plot
from nas.runs.finding import MARKER
from nas.spec import ArchSpec
from nas.studies.folder import STUDY


@dataclass(frozen=True)
class StageRow:
    """One stage of several networks: a text each, "-" where a network has no such stage."""

    number: int
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether not all are the same."""
        return len(set(self.cells)) > 1


@dataclass(frozen=True)
class Page:
    """A report on one folder. plots: name -> plot, in the order of the page."""

    folder: Path
    search: Searched | None
    nearby: Nearby
    plots: dict[str, Plot]
    importance: Importance | None
    common: CommonChoices | None
    stages: tuple[StageRow, ...]
    latencies: tuple[LatencyRow, ...]
    members: dict[str, str]
    commands: tuple[Command, ...]
    versions: dict[str, dict[str, str]]
    machines: dict[str, str]
    machine: str
    dashboard: str
    absent: tuple[Absent, ...]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name


def gather(folder: Path) -> Page:
    """Read a folder of `nas`: a search, a fit, a study, a training, or one that holds several.

    Raises: RunError if there is nothing of `nas` in it or several searches, or its search cannot
    be read.
    """
    search = _search_in(folder)
    found = None if search is None or search.found is None else search.found.spec
    nearby = look_around(folder, found)
    others = nearby.fits or nearby.studies or nearby.families or nearby.trainings
    if search is None and not others:
        raise RunError(
            f"{folder} holds no search, fit, study, family or training of nas; name a run folder, "
            "or make one with `nas search --target-flops 400M`"
        )
    members = {d: name for family in nearby.families for d, name in family.digests.items()}
    shown = None if search is None else importance(search)
    common = None if search is None else common_choices(search)
    latencies = latency_rows(folder, search)
    plots = _plots(search, nearby, shown, common, members)
    return Page(
        folder=folder,
        search=search,
        nearby=nearby,
        plots={plot.name: plot for plot in plots},
        importance=shown,
        common=common,
        stages=_stages(search),
        latencies=tuple(latencies),
        members=members,
        commands=tuple(commands(folder, search, nearby)),
        versions=recorded_versions(search, nearby),
        machines=recorded_machines(search, nearby),
        machine=this_machine(),
        dashboard="" if search is None else dashboard_command(search),
        absent=tuple(absent_parts(folder, search, nearby, shown, common, bool(latencies))),
    )


def study_label(number: int) -> str:
    """What the names of a study's figures begin with: nothing for the first of a page."""
    return f"study-{number}-" if number else ""


def dashboard_command(search: Searched) -> str:
    """What shows the run's study in a browser."""
    return shlex.join(["optuna-dashboard", search.storage])


def stage_rows(networks: Sequence[ArchSpec]) -> tuple[StageRow, ...]:
    """The stages of networks side by side, matched by their place."""
    most = max((len(arch.stages) for arch in networks), default=0)
    return tuple(
        StageRow(
            number,
            tuple(
                _stage_text(arch, number) if number < len(arch.stages) else "-" for arch in networks
            ),
        )
        for number in range(most)
    )


def _stage_text(arch: ArchSpec, number: int) -> str:
    stage = arch.stages[number]
    return f"{stage.layers} x {describe_stage(stage)} to {stage.channels}"


def _search_in(folder: Path) -> Searched | None:
    """The search in a folder or, of a folder that holds several things, below it."""
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}; name a run folder")
    if (folder / MARKER).is_file():
        return read_search(folder)
    # What a fit or a study holds is its own.
    if (folder / FIT.name).is_file() or (folder / STUDY.name).is_file():
        return None
    below = [place for place in folders_in(folder, 2) if is_search(place)]
    if len(below) > 1:
        raise RunError(
            f"{folder} holds {len(below)} searches; name one of them, such as {below[0]}, or set "
            "several side by side with --compare"
        )
    return read_search(below[0]) if below else None


def _plots(
    search: Searched | None,
    nearby: Nearby,
    shown: Importance | None,
    common: CommonChoices | None,
    members: dict[str, str],
) -> list[Plot]:
    drawn: list[Plot | None] = []
    if search is not None:
        drawn += [best_so_far_plot(search), front_plot(search)]
        drawn.append(None if shown is None else importance_plot(shown))
        drawn.append(None if common is None else choices_plot(common))
        found = search.found
        if found is not None and found.spec is not None:
            both = [(n.name, n.spec) for n in (found, search.beside) if n.spec is not None]
            drawn.append(network_drawing(both, "stages"))
    for number, fit in enumerate(nearby.fits):
        drawn.append(grid_plot(fit, f"grid-{number}"))
    for number, study in enumerate(nearby.studies):
        drawn += study.plots(study_label(number))
    accuracies = {
        members[one.result["digest"]]: one.result["accuracy"]["top1"]
        for one in nearby.trainings
        if one.result.get("accuracy") and one.result.get("digest") in members
    }
    for number, family in enumerate(nearby.families):
        drawn.append(family_plot(family, accuracies, f"family-{number}"))
    if nearby.trust is not None:
        drawn.append(trust_plot(nearby.trust))
    for number, one in enumerate(nearby.trainings):
        label = str(one.record.get("name", one.folder.name))
        drawn.append(training_curve(one.folder, label, f"training-{number}"))
    if search is None:
        alone = _networks_alone(nearby)
        drawn.append(network_drawing(alone, "stages") if alone else None)
    return [plot for plot in drawn if plot is not None]


def _networks_alone(nearby: Nearby) -> list[tuple[str, ArchSpec]]:
    """What a folder without a search is about: what is scaled there, else what was trained."""
    scaled = [one.config.baseline for one in nearby.fits]
    scaled += [one.config.baseline for one in nearby.studies]
    if scaled:
        baseline = scaled[0]
        return [(baseline.name or "baseline", baseline)]
    specs = [one.result["spec"] for one in nearby.trainings if one.result.get("spec")]
    return [(arch.name or "network", arch) for arch in map(ArchSpec.from_dict, specs[:2])]


def _stages(search: Searched | None) -> tuple[StageRow, ...]:
    if search is None or search.found is None or search.found.spec is None:
        return ()
    assert search.beside.spec is not None
    return stage_rows([search.found.spec, search.beside.spec])
