"""Networks that a search judges first: references, files, or the best of an earlier run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nas.archs import find_network
from nas.errors import ConfigError, NasError, RunError
from nas.scaling.published import COEFFICIENTS
from nas.searching.problem import Problem
from nas.space import HasParameters


def warm_start_answers(problem: Problem) -> list[dict[str, Any]]:
    """The answers of the networks that `--warm-start` names, in order, each network once.

    Raises: ConfigError where a network is not in the space, or cannot be read back by it.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in problem.config.warm_start:
        for answers in _answers_of(problem, text):
            found.setdefault(problem.rebuild(answers).digest(), answers)
    return list(found.values())


def _answers_of(problem: Problem, text: str) -> list[dict[str, Any]]:
    if Path(text).is_dir():
        return [_checked(problem, text, answers) for answers in _best_of_run(Path(text))]
    name = f"efficientnet-{text}" if text in COEFFICIENTS else text
    arch = find_network(name)
    space = problem.space.space
    if not isinstance(space, HasParameters):
        raise ConfigError(
            f"space '{space.name}' cannot read a network back (it has no `parameters`), so "
            f"--warm-start takes an earlier run's folder there, not '{text}'"
        )
    answers = space.parameters(arch)
    if answers is None:
        raise ConfigError(
            f"--warm-start {text}: that network is not in space '{space.name}'; see `nas show`"
        )
    return [answers]


def _best_of_run(folder: Path) -> list[dict[str, Any]]:
    """The answers of a finished run's best networks."""
    path = folder / "best.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = [row["params"] for row in document["top"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"--warm-start: cannot read {path} ({error}); is the run finished?"
        ) from None
    return rows


def _checked(problem: Problem, text: str, answers: dict[str, Any]) -> dict[str, Any]:
    try:
        problem.rebuild(answers)
    except NasError as error:
        raise ConfigError(
            f"--warm-start {text}: its networks are not in space '{problem.space.name}' ({error})"
        ) from None
    return answers
