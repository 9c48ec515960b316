"""What a search writes on a trial: its network, why it was refused, how it was judged.

The keys are read again by `nas.searching.ledger`, `nas.searching.results` and `nas.runs.status`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.evaluators.base import Accuracy, Score
from nas.searching.problem import Problem
from nas.spec import ArchSpec
from nas.workers import Pruned

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

# What a repeat takes over from the trial that paid for the network.
ANSWER = ("accuracy", "score", "sd", "source", "error", "pruned", "last_accuracy")


def set_attributes(trial: Trial, **attributes: Any) -> None:
    """Write user attributes."""
    for name, value in attributes.items():
        trial.set_user_attr(name, value)


def record_network(
    problem: Problem, trial: Trial, arch: ArchSpec
) -> tuple[dict[str, float], str | None]:
    """Write a network's digest, figures and constraints.

    Returns its figures, and why it is refused: "not flops <= 2e+08"; None where it is not.
    """
    figures = problem.figures(arch)
    set_attributes(trial, digest=arch.digest(), **figures)
    violations = problem.violations(figures)
    for bound, violation in violations.items():
        trial.set_constraint(bound, violation)
    broken = [bound for bound, violation in violations.items() if violation > 0]
    if not broken and problem.first_filter is not None:
        # Not before: a score takes longer than all bounds together.
        shortfall = problem.first_filter.shortfall(arch)
        set_attributes(trial, filter_score=problem.first_filter.score(arch))
        trial.set_constraint(problem.first_filter.name, shortfall)
        if shortfall > 0:
            broken.append(problem.first_filter.name)
    if not broken:
        return figures, None
    refused = f"not {' and '.join(broken)}"
    set_attributes(trial, refused=refused)
    return figures, refused


def record_repeat(trial: Trial, earlier: FrozenTrial) -> list[float] | None:
    """Answer with an earlier trial of the same network: its values, None where it had none."""
    answer = {name: earlier.user_attrs[name] for name in ANSWER if name in earlier.user_attrs}
    set_attributes(trial, repeat_of=earlier.number, **answer)
    return None if {"error", "pruned"} & set(answer) else earlier.values


def judgement_attributes(judgement: Accuracy | Score, seconds: float) -> dict[str, Any]:
    """What is written of a judgement; `seconds` where the evaluator tells none."""
    kind = "accuracy" if isinstance(judgement, Accuracy) else "score"
    spent = round(judgement.seconds or seconds, 6)
    content: dict[str, Any] = {kind: judgement.value, "source": judgement.source, "seconds": spent}
    if isinstance(judgement, Accuracy) and judgement.sd is not None:
        content["sd"] = judgement.sd
    return content


def record_judgement(trial: Trial, judgement: Accuracy | Score, seconds: float) -> None:
    """Write what a network was judged to be."""
    set_attributes(trial, **judgement_attributes(judgement, seconds))


def record_pruned(trial: Trial, pruned: Pruned, seconds: float) -> None:
    """Write after which epoch a training was stopped, and its accuracy then, which is none."""
    set_attributes(
        trial, pruned=pruned.epoch, last_accuracy=pruned.value, seconds=round(seconds, 6)
    )


def record_failure(trial: Trial, reason: str, seconds: float) -> None:
    """Write in one line why a network has no judgement."""
    set_attributes(trial, error=reason, seconds=round(seconds, 6))
