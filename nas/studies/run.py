"""One scaling study: its networks, their trainings, its files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nas.data.images import DataSet
from nas.files import write_text_atomic
from nas.fitting.run import check_settings
from nas.studies.config import StudyConfig
from nas.studies.curves import StudyCurves
from nas.studies.document import document
from nas.studies.folder import STUDY, SUMMARY
from nas.studies.outcome import StudyOutcome, study_outcome
from nas.studies.published_curves import published_curves, published_document
from nas.studies.summary import summary
from nas.studies.tables import csv_text, curve_rows
from nas.trainings import Answer, ListedNetworks, Training, Trainings
from nas.workers import WorkerSettings

Note = Callable[[int, int], None]
"""(trainings done, of so many)."""


def study_space(config: StudyConfig, curves: StudyCurves) -> ListedNetworks:
    """The networks as a search space, for evaluators that want to know theirs."""
    return ListedNetworks(f"study of {config.baseline.name or 'the baseline'}", curves.networks)


def check_study(config: StudyConfig, curves: StudyCurves) -> None:
    """Refuse settings that no training could be done with. Raises: NasError, in one line."""
    check_settings(config.evaluator, study_space(config, curves), config.seed, config.options())


def run_study(
    config: StudyConfig,
    curves: StudyCurves,
    images: DataSet | None,
    folder: Path,
    *,
    workers: int,
    command: str,
    remarks: Sequence[str] = (),
    note: Note = lambda done, count: None,
) -> StudyOutcome:
    """Do the trainings that are missing in `folder`, and write the study's files.

    remarks: what is known beforehand to limit the study, for its summary.
    Raises: NasError if the folder is of another study or in use, or no training succeeds.
    """
    with STUDY.at_work(folder, config, images, command):
        outcome = train_curves(
            config,
            curves,
            folder,
            workers=workers,
            fingerprint=None if images is None else images.fingerprint,
            note=note,
        )
        outcome = dataclasses.replace(outcome, remarks=tuple(remarks))
        write_study(folder, config, outcome, command)
    return outcome


def train_curves(
    config: StudyConfig,
    curves: StudyCurves,
    folder: Path,
    *,
    workers: int,
    fingerprint: str | None = None,
    note: Note = lambda done, count: None,
) -> StudyOutcome:
    """Train every network with every seed, but for what is done, and fit the curves.

    fingerprint: of the images, so that no worker trains on others.
    Raises: NasError where no training succeeds.
    """
    options: dict[str, object] = dict(config.options())
    if fingerprint is not None:
        options["fingerprint"] = fingerprint
    place = trainings_folder(config, folder)
    space = study_space(config, curves)
    settings = WorkerSettings(config.evaluator, space, config.seed, place, options)
    trainings = Trainings(settings, place)
    trainings.run(wanted_trainings(config, curves), workers, note)
    return outcome_of(config, curves, trainings.answers)


def trainings_folder(config: StudyConfig, folder: Path) -> Path:
    """Where a study in `folder` keeps its trainings."""
    return folder / ("trainings" if config.epochs is None else f"epochs-{config.epochs}")


def wanted_trainings(config: StudyConfig, curves: StudyCurves) -> list[Training]:
    """Every network with every seed.

    Seed after seed, so that an early stop leaves every network with as many.
    """
    return [
        Training(arch, config.seed + seed)
        for seed in range(config.seeds)
        for arch in curves.networks
    ]


def outcome_of(
    config: StudyConfig, curves: StudyCurves, answers: Mapping[tuple[str, int], Answer]
) -> StudyOutcome:
    """What trainings say of the curves; those that are not done yet are left out.

    Raises: ConfigError where no network has two seeds, or none could be trained.
    """
    accuracies: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    sources = []
    for training in wanted_trainings(config, curves):
        digest, _ = training.key
        answer = answers.get(training.key)
        if answer is None:
            continue
        if answer.accuracy is None:
            failures[digest] = answer.error
        else:
            accuracies.setdefault(digest, []).append(answer.accuracy)
            sources.append(answer.source)
    source = sources[-1] if sources else ""
    return study_outcome(config, curves, accuracies, failures, source)


def write_study(folder: Path, config: StudyConfig, outcome: StudyOutcome, command: str) -> None:
    """Write curves.csv, the figures, summary.json and, last, summary.md.

    published.csv too, where the paper publishes anything of the baseline. Raises: WriteError.
    """
    from nas.report.scaling_curves import study_figures

    write_text_atomic(folder / "curves.csv", csv_text(curve_rows(outcome)))
    published = published_document(published_curves(config.baseline))
    if published:
        write_text_atomic(folder / "published.csv", csv_text(published))
    for figure in study_figures(config, outcome):
        figure.write(folder)
    content = document(config, outcome, command, str(folder))
    write_text_atomic(folder / SUMMARY, json.dumps(content, indent=2) + "\n")
    write_text_atomic(folder / "summary.md", summary(config, outcome, command))
