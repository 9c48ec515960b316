"""The folder of a scaling study.

study.json       settings, command, versions: written first
data.json        what images it began with
epochs-N/        the trainings: an Optuna study in a journal, checkpoints
curves.csv       every network of every curve with its accuracy
published.csv    what the paper publishes of this baseline, where it does
figure3, figure4, figure8   .png and .svg, in the shape of the paper's
summary.json     the study as `--json` prints it
summary.md       tables and what they say; written last
lock             held while a process works on the study
"""

from __future__ import annotations

from nas.runs.settings_file import SettingsFile
from nas.studies.config import StudyConfig

SUMMARY = "summary.json"
STUDY = SettingsFile("study", 1, StudyConfig.from_dict)
