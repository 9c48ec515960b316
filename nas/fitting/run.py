"""One fit: the grid, its trainings by halving, the surface, the files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from nas.errors import ConfigError
from nas.evaluators.base import ChecksSettings, EvaluationContext
from nas.files import write_text_atomic
from nas.fitting.config import FitConfig
from nas.fitting.halving import Key, next_trainings
from nas.fitting.latency_points import latency_points
from nas.fitting.latency_source import is_latency
from nas.fitting.outcome import FitOutcome, grid_rows, length_outcome
from nas.fitting.points import Points, fit_points
from nas.fitting.ranking import surface_ranking
from nas.fitting.summary import about_coefficients, summary
from nas.plugins import load_evaluator
from nas.report.ternary import save_ternary
from nas.scaling.coefficient_files import FILE, write_coefficients
from nas.searching.problem import check_options
from nas.space import SearchSpace
from nas.trainings import ListedNetworks, Training, Trainings
from nas.workers import WorkerSettings

Note = Callable[[int | None, int, int], None]
"""(epochs, trainings done, of so many in this round)."""


def grid_space(points: Points) -> SearchSpace:
    """The networks of a grid as a search space."""
    name = f"grid of {points.grid.baseline.name or 'the baseline'}"
    return ListedNetworks(name, [point.arch for point in points.networks])


def check_evaluator(config: FitConfig, points: Points) -> None:
    """Refuse settings that the evaluator would refuse for every network, before any is trained.

    Raises: NasError, in one line.
    """
    _check_on(config, grid_space(points))


def _check_on(config: FitConfig, space: SearchSpace) -> None:
    for epochs in config.lengths:
        check_settings(config.evaluator, space, config.seed, config.options(epochs))


def check_settings(name: str, space: SearchSpace, seed: int, options: Mapping[str, object]) -> None:
    """Refuse options that evaluator `name` would refuse for every network of `space`.

    Raises: NasError, in one line.
    """
    evaluator = load_evaluator(name)()
    check_options(evaluator, options)
    if isinstance(evaluator, ChecksSettings):
        evaluator.check(EvaluationContext(space, seed, options=options))


def prepare_points(
    config: FitConfig,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Points:
    """The networks of a fit. Raises: NasError if they are too few, or cannot be measured.

    folder: of the fit; what a constraint on latency measures is kept there. say: gets a line now
    and then while it does.
    """
    if is_latency(config.constraint):
        if folder is None:
            raise ConfigError(f"{config.constraint} is measured when the fit begins")
        # Minutes of measuring are not spent on settings that cannot be.
        _check_on(config, ListedNetworks("the baseline", [config.baseline]))
        return latency_points(config, folder, say)
    return fit_points(
        config.grid(), step=config.step, resolution_multiple=config.resolution_multiple
    )


def train_grid(
    config: FitConfig,
    points: Points,
    folder: Path,
    *,
    workers: int,
    fingerprint: str | None = None,
    note: Note = lambda epochs, done, count: None,
) -> FitOutcome:
    """Do the trainings that are missing, at every length, and fit the surface.

    fingerprint: of the images, so that no worker trains on others.
    Raises: NasError where no training succeeds or too little is left for a surface.
    """
    space = grid_space(points)
    lengths = []
    for epochs in config.lengths:
        options: dict[str, object] = dict(config.options(epochs))
        if fingerprint is not None:
            options["fingerprint"] = fingerprint
        place = folder / ("trainings" if epochs is None else f"epochs-{epochs}")
        settings = WorkerSettings(config.evaluator, space, config.seed, place, options)
        trainings = Trainings(settings, place)

        def progress(done: int, count: int, epochs: int | None = epochs) -> None:
            note(epochs, done, count)

        answers = _train_length(config, points, trainings, workers, progress)
        if not any(value is not None for value in answers.values()):
            reasons = [answer.error for answer in trainings.answers.values()]
            raise ConfigError(f"no training of the fit succeeded; the last: {reasons[-1]}")
        lengths.append(length_outcome(points, epochs, answers, config.seed))
    return FitOutcome(points, tuple(lengths))


def write_results(folder: Path, config: FitConfig, outcome: FitOutcome, command: str) -> None:
    """Write grid.csv, surface.png, summary.md and, last, coefficients.json.

    Raises: WriteError if a file cannot be written.
    """
    rows = grid_rows(outcome)
    stream = io.StringIO()
    table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text_atomic(folder / "grid.csv", stream.getvalue())
    save_ternary(folder / "surface.png", outcome)
    write_text_atomic(folder / "summary.md", summary(config, outcome, command))
    write_coefficients(
        folder / FILE, outcome.coefficients, about_coefficients(config, outcome, command)
    )


def _train_length(
    config: FitConfig,
    points: Points,
    trainings: Trainings,
    workers: int,
    note: Callable[[int, int], None],
) -> dict[Key, float | None]:
    networks = [point.arch for point in points.networks]
    keys = {
        (index, seed): Training(arch, config.seed + seed)
        for index, arch in enumerate(networks)
        for seed in range(config.seeds)
    }
    ranking = surface_ranking(points.shares, points.log_cost)
    while True:
        answers = {
            key: trainings.answers[training.key].accuracy
            for key, training in keys.items()
            if training.key in trainings.answers
        }
        wanted = next_trainings(len(networks), config.seeds, answers, ranking)
        if not wanted:
            return answers
        # Round after round of seeds, so that an early stop leaves every network with as many.
        ordered = sorted(wanted, key=lambda key: (key[1], key[0]))
        trainings.run([keys[key] for key in ordered], workers, note)
