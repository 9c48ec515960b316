"""What else there is about a search: fits, studies, families, trainings, a trust report, in files.

Found inside the folder, and beside it where a file says that it is of the same network.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.archs import read_network, resized
from nas.errors import NasError
from nas.fitting.config import FitConfig
from nas.fitting.folder import FIT
from nas.pipeline.folder import EARLIER
from nas.report.studied import Studied, read_studied
from nas.scaling.coefficient_files import FILE
from nas.scaling.family_files import RECORD, TABLE
from nas.spec import ArchSpec
from nas.studies.folder import STUDY
from nas.training.job import JOB, RESULT

# Where evaluators and workers keep what only they read: many small files, none of them a result.
_INNER = frozenset(
    {"evaluator", "workers", "reports", "proxy", "trainings", "__pycache__", EARLIER}
)
_DEPTH = 3


@dataclass(frozen=True)
class Fit:
    """A scaling fit. coefficients and rows (of grid.csv) are empty while it is not finished."""

    folder: Path
    config: FitConfig
    record: dict[str, Any]
    coefficients: dict[str, Any]
    rows: tuple[dict[str, str], ...]

    @property
    def judged_by(self) -> str:
        """What kind of accuracies it was fitted to."""
        trains = self.config.evaluator == "train"
        return "measured" if trains else f"evaluator {self.config.evaluator}"


@dataclass(frozen=True)
class FamilyTable:
    """A family's table, as written: member, rule, multipliers, costs and ratios.

    record: the command that made it; empty where an older version did.
    """

    folder: Path
    rows: tuple[dict[str, str], ...]
    record: dict[str, Any]

    @property
    def digests(self) -> dict[str, str]:
        """Digest -> member."""
        return {row["digest"]: row["member"] for row in self.rows}


@dataclass(frozen=True)
class Trained:
    """A training's folder. result is empty while it is not finished."""

    folder: Path
    record: dict[str, Any]
    result: dict[str, Any]


@dataclass(frozen=True)
class Nearby:
    """Everything that was found; problems: files that cannot be read, a line each."""

    fits: tuple[Fit, ...]
    studies: tuple[Studied, ...]
    families: tuple[FamilyTable, ...]
    trainings: tuple[Trained, ...]
    trust: dict[str, Any] | None
    problems: tuple[str, ...]


def look_around(folder: Path, network: ArchSpec | None) -> Nearby:
    """What there is in `folder`, and beside it of `network`."""
    inside = list(folders_in(folder))
    beside = [place for place in _beside(folder) if place not in set(inside)]
    problems: list[str] = []

    fits = _each(_fit, [f for f in inside if (f / FIT.name).is_file()], problems)
    outer_fits = _each(_fit, [f for f in beside if (f / FIT.name).is_file()], [])
    fits += [fit for fit in outer_fits if _same(network, fit.config.baseline)]

    studies = _each(read_studied, [f for f in inside if (f / STUDY.name).is_file()], problems)
    outer_studies = [f for f in beside if (f / STUDY.name).is_file() and _studies(f, network)]
    studies += _each(read_studied, outer_studies, [])

    families = _each(_family, [f for f in inside if (f / TABLE).is_file()], problems)
    outer_families = [f for f in beside if (f / TABLE).is_file() and _grown_from(f, network)]
    families += _each(_family, outer_families, [])

    members = [spec for family in families for spec in _members(family)]
    known = [spec for spec in (network, *members) if spec is not None]
    trainings = _each(_training, [f for f in inside if (f / JOB).is_file()], problems)
    outer = _each(_training, [f for f in beside if (f / JOB).is_file()], [])
    trainings += [one for one in outer if _is_one_of(one.result.get("spec"), known)]

    reports = [f / "trust" / "trust.json" for f in (folder, *inside)]
    trust = _each(_read, [path for path in reports if path.is_file()][:1], problems)
    return Nearby(
        tuple(fits),
        tuple(studies),
        tuple(families),
        tuple(trainings),
        trust[0] if trust else None,
        tuple(problems),
    )


def folders_in(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """`folder` and those below it that may hold results, in the order of their names."""
    yield folder
    if depth == 0 or not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        inner = entry.name in _INNER or entry.name.startswith((".", "epochs-", "long-"))
        if entry.is_dir() and not entry.is_symlink() and not inner:
            yield from folders_in(entry, depth - 1)


def _beside(folder: Path) -> list[Path]:
    """The folders that commands make where a person works: trained/X, fit-X, study-X, family-X."""
    found: dict[Path, Path] = {}
    for place in (Path(), folder.parent, folder.parent.parent):
        for pattern in ("trained/*", "fit-*", "study-*", "family-*"):
            for path in sorted(place.glob(pattern)):
                if path.is_dir():
                    found.setdefault(path.resolve(), path)
    return list(found.values())


def _each(read: Any, paths: Iterable[Path], problems: list[str]) -> list[Any]:
    found = []
    for path in paths:
        try:
            found.append(read(path))
        except (NasError, OSError, ValueError, KeyError, csv.Error) as error:
            problems.append(f"{path} cannot be read: {error}")
    return found


def _read(path: Path) -> dict[str, Any]:
    document: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError("it holds no object")
    return document


def _read_if_there(path: Path) -> dict[str, Any]:
    return _read(path) if path.is_file() else {}


def _rows(path: Path) -> tuple[dict[str, str], ...]:
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


def _fit(folder: Path) -> Fit:
    record = _read(folder / FIT.name)
    finished = _read_if_there(folder / FILE)
    rows = _rows(folder / "grid.csv") if finished else ()
    return Fit(folder, FIT.read(folder), record, finished, rows)


def _family(folder: Path) -> FamilyTable:
    return FamilyTable(folder, _rows(folder / TABLE), _read_if_there(folder / RECORD))


def _training(folder: Path) -> Trained:
    return Trained(folder, _read(folder / JOB), _read_if_there(folder / RESULT))


def _members(family: FamilyTable) -> list[ArchSpec]:
    paths = [family.folder / f"{Path(row['member']).name}.json" for row in family.rows]
    return _each(read_network, [path for path in paths if path.is_file()], [])


def _grown_from(folder: Path, network: ArchSpec | None) -> bool:
    member = folder / "b0.json"
    found = _each(read_network, [member] if member.is_file() else [], [])
    return bool(found) and _same(network, found[0])


def _studies(folder: Path, network: ArchSpec | None) -> bool:
    """Whether a study is of this network; asked before its curves are made, which takes a while."""
    configs = _each(STUDY.read, [folder], [])
    return bool(configs) and _same(network, configs[0].baseline)


def _is_one_of(spec: Any, known: Iterable[ArchSpec]) -> bool:
    try:
        trained = ArchSpec.from_dict(spec)
    except NasError:
        return False
    return any(_same(network, trained) for network in known)


def _same(network: ArchSpec | None, other: ArchSpec) -> bool:
    """Whether they are one network but for what images ask of it: size and classes."""
    if network is None:
        return False
    fitted = resized(
        network,
        resolution=other.resolution,
        classes=other.classes,
        in_channels=other.in_channels,
    )
    return fitted.digest() == other.digest()
