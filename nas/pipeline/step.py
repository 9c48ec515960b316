"""A stage ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """commands: the arguments after `nas` of each. options: what the plan decides, by name.

    place: the stage's folder or file, relative to the run's.
    """

    stage: str
    place: str
    commands: Sequence[Sequence[str]]
    options: Mapping[str, Any]
