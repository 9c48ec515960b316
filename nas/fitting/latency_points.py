"""The networks of a fit whose constraint is a latency, with what is measured kept in its folder."""

from __future__ import annotations

from pathlib import Path

from nas.files import make_folder
from nas.fitting.config import FitConfig
from nas.fitting.folder import FIT
from nas.fitting.latency_file import LatencyFile
from nas.fitting.latency_grid import latency_grid
from nas.fitting.latency_source import latency_source
from nas.fitting.latency_survey import Say
from nas.fitting.points import Points, fit_points
from nas.runs.records import locked


def latency_points(config: FitConfig, folder: Path, say: Say) -> Points:
    """Measure what is missing in the folder's `latencies.json`, and choose the networks by it.

    Raises: NasError if the folder is of another fit or in use, its latencies are of something else,
    or the networks cannot be measured or are too few.
    """
    source = latency_source(
        config.constraint, threads=config.latency_threads, batch=config.latency_batch
    )
    FIT.check(folder, config)
    LatencyFile(folder, config.baseline, source)
    make_folder(folder)
    with locked(folder):
        found = latency_grid(
            config.baseline,
            # Read again: another process may have measured until now.
            LatencyFile(folder, config.baseline, source),
            name=config.constraint,
            ratio=config.ratio,
            tolerance=config.tolerance,
            step=config.step,
            resolution_multiple=config.resolution_multiple,
            say=say,
        )
    return fit_points(
        found.grid,
        step=config.step,
        resolution_multiple=config.resolution_multiple,
        wider=found.wider,
    )
