"""One fit in its folder, held while it works, and its coefficients handed to the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nas.data.images import DataSet
from nas.fitting.config import FitConfig
from nas.fitting.folder import FIT
from nas.fitting.outcome import FitOutcome
from nas.fitting.points import Points
from nas.fitting.run import train_grid, write_results
from nas.fitting.summary import about_coefficients
from nas.scaling.coefficient_files import FILE, write_coefficients


def fit_in_folder(
    config: FitConfig,
    images: DataSet | None,
    points: Points,
    folder: Path,
    *,
    run: Path | None,
    workers: int,
    command: str,
    say: Callable[[str], None],
) -> FitOutcome:
    """Do what is missing of a fit, and write its results to `folder`.

    run: also gets coefficients.json, where `nas family --baseline RUN` finds them. command: how
    the fit was asked for, as recorded. say: gets a line now and then while it trains.
    Raises: NasError if the folder is of another fit or in use, or too few trainings succeed.
    """

    def note(epochs: int | None, done: int, count: int) -> None:
        length = "" if epochs is None else f" of {epochs} epochs"
        say(f"training {done} of {count} in this round{length}")

    with FIT.at_work(folder, config, images, command):
        outcome = train_grid(
            config,
            points,
            folder,
            workers=workers,
            fingerprint=None if images is None else images.fingerprint,
            note=note,
        )
        write_results(folder, config, outcome, command)
    if run is not None:
        write_coefficients(
            run / FILE, outcome.coefficients, about_coefficients(config, outcome, command)
        )
    return outcome
