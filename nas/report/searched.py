"""A search as a report tells it: read from its folder alone, finished or still at work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cost import network_cost
from nas.errors import NasError
from nas.report.kinds import Judged
from nas.report.references import Reference, reference_networks_for
from nas.runs.data_record import read_data_record
from nas.runs.finding import MARKER
from nas.runs.records import read_run
from nas.runs.status import Status, find_source, read_status
from nas.searching.config import SearchConfig
from nas.shared.claims import judged_networks
from nas.shared.database_url import shown_url
from nas.space import rebuild
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nas.searching.problem import SizedSpace


@dataclass(frozen=True)
class Network:
    """A network with its costs, and with how it was judged where it was. spec is None where the
    space that made it cannot be loaded here.
    """

    name: str
    flops: int
    params: int
    activations: int
    judged: Judged | None = None
    reward: float | None = None
    trial: int | None = None
    spec: ArchSpec | None = None


@dataclass(frozen=True)
class Searched:
    """A search: its settings, its networks in the order they were judged, and what it found.

    paid: every evaluation, failed and stopped ones included. judged: those with a figure. found:
    None where nothing at or below the target was judged yet. final: whether `found` is the search's
    own result, not the best of what is there so far. beside: what it is set beside.
    references: known networks that the same evaluator judged; without: in a sentence, why others
    have no figure here. toy: whether its images are made up, so that nothing follows for real ones.
    """

    folder: Path
    config: SearchConfig
    status: Status
    record: dict[str, Any]
    paid: tuple[FrozenTrial, ...]
    judged: tuple[FrozenTrial, ...]
    found: Network | None
    final: bool
    beside: Network
    references: tuple[Network, ...]
    without: str
    toy: bool

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.folder.resolve().name

    @property
    def command(self) -> str:
        """The command that began it."""
        return str(self.record.get("command", ""))

    @property
    def storage(self) -> str:
        """What `optuna-dashboard` opens; of a database, without its password."""
        if self.config.storage is not None:
            return shown_url(self.config.storage)
        return str(self.folder / "study.journal")

    @property
    def is_accuracy(self) -> bool:
        """Whether networks have accuracies, not scores."""
        return not self.judged or "accuracy" in self.judged[0].user_attrs


def read_search(folder: Path) -> Searched:
    """Read a search's folder, without a lock and without writing.

    Raises: RunError if it is none, or its study cannot be read.
    """
    run = read_run(folder)
    source = find_source(str(folder))
    status = read_status(source)
    by_number = sorted(judged_networks(source.trials()).values(), key=lambda t: t.number)
    judged = [t for t in by_number if not {"error", "pruned"} & set(t.user_attrs)]
    space = _space(run.config)
    recorded = _recorded_result(folder, len(by_number))
    found = _found(status, recorded, space)
    flops = [t.user_attrs["flops"] for t in judged]
    references, without = reference_networks_for(run.config, space, flops)
    return Searched(
        folder=folder,
        config=run.config,
        status=status,
        record=_record(folder),
        paid=tuple(by_number),
        judged=tuple(judged),
        found=found,
        final=recorded is not None,
        beside=_network_of(references[0], recorded),
        references=tuple(_network_of(r, recorded) for r in references if r.judged is not None),
        without=without,
        toy=bool((read_data_record(folder) or {}).get("toy")),
    )


def judged_of(trial: FrozenTrial) -> Judged:
    """A judged trial's figure."""
    attrs = trial.user_attrs
    accuracy = attrs.get("accuracy")
    value = float(attrs["score"] if accuracy is None else accuracy)
    return Judged(value, accuracy is not None, str(attrs.get("source", "")), attrs.get("sd"))


def best_so_far(searched: Searched) -> list[tuple[int, float]]:
    """(evaluation from 1, best figure at or below the target until then), where it rises."""
    rises: list[tuple[int, float]] = []
    judged = {trial.number for trial in searched.judged}
    for count, trial in enumerate(searched.paid, start=1):
        if trial.number not in judged:
            continue
        if trial.user_attrs["flops"] > searched.config.target_flops:
            continue
        value = judged_of(trial).value
        if not rises or value > rises[-1][1]:
            rises.append((count, value))
    return rises


def _record(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    return document


def _recorded_result(folder: Path, evaluations: int) -> dict[str, Any] | None:
    """best.json, where it is about every evaluation that there is."""
    try:
        document: Any = json.loads((folder / "best.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(document, dict) and document.get("evaluations") == evaluations
    return document if whole else None


def _space(config: SearchConfig) -> SizedSpace | None:
    """The space of a search; None where its plug-in is not installed here."""
    from nas.plugins import load_space
    from nas.searching.problem import SizedSpace
    from nas.space import at_resolution

    try:
        space = at_resolution(load_space(config.space), config.resolution)
    except NasError:
        return None
    return SizedSpace(space, config.resolution, config.classes, config.in_channels)


def _found(
    status: Status, recorded: dict[str, Any] | None, space: SizedSpace | None
) -> Network | None:
    if recorded is not None:
        best = recorded["best"]
        return None if best is None else _candidate("found network", best)
    if not status.top:
        return None
    trial = status.top[0]
    attrs = trial.user_attrs
    try:
        spec = None if space is None else rebuild(space, trial.params)
    except NasError:
        spec = None
    return Network(
        name="best so far",
        flops=attrs["flops"],
        params=attrs["params"],
        activations=attrs["activations"],
        judged=judged_of(trial),
        reward=trial.values[0] if trial.values and len(trial.values) == 1 else None,
        trial=trial.number,
        spec=spec,
    )


def _candidate(name: str, content: dict[str, Any]) -> Network:
    """A network of best.json."""
    accuracy = content["accuracy"]
    value = content["score"] if accuracy is None else accuracy
    judged = None
    if value is not None:
        judged = Judged(value, accuracy is not None, content["source"], content["accuracy_sd"])
    cost = content["cost"]
    return Network(
        name=name,
        flops=cost["flops"],
        params=cost["params"],
        activations=cost["activations"],
        judged=judged,
        # Of a score no reward is made: it is searched itself.
        reward=content["reward"] if accuracy is not None else None,
        trial=content["trial"],
        spec=ArchSpec.from_dict(content["spec"]),
    )


def _network_of(reference: Reference, recorded: dict[str, Any] | None) -> Network:
    cost = network_cost(reference.spec)
    reward = None
    known = None if recorded is None else recorded.get("reference")
    if known is not None and known["digest"] == reference.spec.digest():
        reward = known["reward"] if known["accuracy"] is not None else None
    return Network(
        name=reference.name,
        flops=cost.flops,
        params=cost.params,
        activations=cost.activations,
        judged=reference.judged,
        reward=reward,
        spec=reference.spec,
    )


def is_search(folder: Path) -> bool:
    """Whether a folder holds a search."""
    try:
        read_run(folder)
    except NasError:
        return False
    return True
