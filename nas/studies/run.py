"""One scaling study: its networks, their trainings, its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from nas.data.images import DataSet
from nas.files import write_text_atomic
from nas.fitting.run import check_settings
from nas.studies.config import StudyConfig
from nas.studies.curves import StudyCurves
from nas.studies.folder import STUDY
from nas.studies.outcome import StudyOutcome, study_outcome
from nas.studies.summary import summary
from nas.studies.tables import csv_text, curve_rows
from nas.trainings import ListedNetworks, Training, Trainings
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
    place = folder / ("trainings" if config.epochs is None else f"epochs-{config.epochs}")
    space = study_space(config, curves)
    settings = WorkerSettings(config.evaluator, space, config.seed, place, options)
    trainings = Trainings(settings, place)
    # Seed after seed, so that an early stop leaves every network with as many.
    wanted = [
        Training(arch, config.seed + seed)
        for seed in range(config.seeds)
        for arch in curves.networks
    ]
    trainings.run(wanted, workers, note)
    accuracies: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    sources = []
    for training in wanted:
        digest, _ = training.key
        answer = trainings.answers[training.key]
        if answer.accuracy is None:
            failures[digest] = answer.error
        else:
            accuracies.setdefault(digest, []).append(answer.accuracy)
            sources.append(answer.source)
    source = sources[-1] if sources else ""
    return study_outcome(config, curves, accuracies, failures, source)


def write_study(folder: Path, config: StudyConfig, outcome: StudyOutcome, command: str) -> None:
    """Write curves.csv, the figures and, last, summary.md. Raises: WriteError."""
    from nas.report.scaling_curves import study_figures

    write_text_atomic(folder / "curves.csv", csv_text(curve_rows(outcome)))
    for figure in study_figures(config, outcome):
        figure.write(folder)
    write_text_atomic(folder / "summary.md", summary(config, outcome, command))
