"""A scaling study as a report tells it: read from its folder alone, finished or still at work."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import ConfigError
from nas.report.figures import Plot
from nas.report.kinds import Judged
from nas.report.scaling_curves import study_figures
from nas.studies.config import StudyConfig
from nas.studies.folder import STUDY, SUMMARY
from nas.studies.outcome import StudyOutcome
from nas.studies.paper import printed_for
from nas.studies.run import outcome_of, trainings_folder, wanted_trainings
from nas.studies.summary import headlines, largest_cells, warnings
from nas.studies.tables import HEADERS, table_cells
from nas.trainings import recorded_answers

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Studied:
    """A study. done: trainings of those `wanted` that are over. outcome: what they say so far;
    None, with the reason, where they say nothing yet.

    headlines, warnings: in sentences. largest, networks: rows by `HEADERS`. printed: what the paper
    prints of this baseline; empty where it does not.
    """

    folder: Path
    config: StudyConfig
    record: dict[str, Any]
    done: int
    wanted: int
    outcome: StudyOutcome | None
    reason: str = ""
    headlines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    largest: Rows = ()
    networks: Rows = ()
    printed: Rows = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """Of `largest` and `networks`."""
        return HEADERS

    @property
    def judged_by(self) -> str:
        """What kind of accuracies they are: "measured", "predicted" or "evaluator"."""
        source = "" if self.outcome is None else self.outcome.source
        return Judged(0.0, True, source).kind

    def plots(self, label: str) -> list[Plot]:
        """Figures 3, 8 and 4, as far as there are curves for them; `label` stands in their names.

        Empty where nothing is measured.
        """
        if self.outcome is None:
            return []
        return [
            dataclasses.replace(plot, name=f"{label}{plot.name}")
            for plot in study_figures(self.config, self.outcome)
        ]


def read_studied(folder: Path) -> Studied:
    """Read a study's folder, without a lock and without writing.

    Raises: RunError if it is none, or its record is damaged; OSError, ValueError for its files.
    """
    config = STUDY.read(folder)
    record: dict[str, Any] = json.loads((folder / STUDY.name).read_text(encoding="utf-8"))
    curves = config.curves()
    answers = recorded_answers(trainings_folder(config, folder))
    keys = [each.key for each in wanted_trainings(config, curves)]
    done, wanted = sum(key in answers for key in keys), len(keys)
    if not done:
        return Studied(folder, config, record, done, wanted, None, "no training is done yet")
    try:
        outcome = outcome_of(config, curves, answers)
    except ConfigError as error:
        return Studied(folder, config, record, done, wanted, None, str(error))
    return Studied(
        folder,
        config,
        record,
        done,
        wanted,
        outcome,
        headlines=tuple(headlines(config, outcome)),
        warnings=_warnings(folder, config, outcome, whole=done == wanted),
        largest=tuple(largest_cells(outcome)) if curves.dimensions else (),
        networks=tuple(table_cells(outcome)),
        printed=tuple(printed_for(config.baseline)),
    )


def _warnings(
    folder: Path, config: StudyConfig, outcome: StudyOutcome, *, whole: bool
) -> tuple[str, ...]:
    """Those of the finished study, which knew its images; else what its networks tell."""
    try:
        told = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["warnings"]
    except (OSError, ValueError, KeyError, TypeError):
        told = None
    if whole and isinstance(told, list):
        return tuple(map(str, told))
    return tuple(warnings(config, outcome))
