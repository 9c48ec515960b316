"""The folder of a fit.

fit.json         settings, command, versions: written before anything is trained
latencies.json   what a constraint on latency has measured; may be there before fit.json
data.json        what images it began with
epochs-N/        the trainings of one length: an Optuna study in a journal, checkpoints
coefficients.json, grid.csv, surface.png, summary.md   results, the coefficients last
lock             held while a process works on the fit
"""

from __future__ import annotations

from nas.fitting.config import FitConfig
from nas.runs.settings_file import SettingsFile

FIT = SettingsFile("fit", 1, FitConfig.from_dict, early=frozenset({"latencies.json"}))
