"""Known networks as the evaluator of a search sees them, so that they can stand in its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.archs import resized
from nas.cost import network_cost
from nas.errors import NasError, one_line
from nas.evaluators.base import Accuracy, EvaluationContext, Evaluator, Score, judge
from nas.plugins import load_evaluator
from nas.references import REFERENCES
from nas.report.kinds import Judged
from nas.searching.config import SearchConfig
from nas.spec import ArchSpec

if TYPE_CHECKING:
    from nas.searching.problem import SizedSpace

# A network far from those that were searched would squeeze them into a corner of the picture.
_FURTHEST = 2.0


@dataclass(frozen=True)
class Reference:
    """A known network at the search's classes and resolution. judged: None where it has no figure
    from the search's evaluator.
    """

    name: str
    spec: ArchSpec
    judged: Judged | None


def reference_networks_for(
    config: SearchConfig, space: SizedSpace | None, flops: Sequence[int]
) -> tuple[tuple[Reference, ...], str]:
    """The network that results are set beside, then others that the evaluator can judge.

    flops: of the searched networks. Only an evaluator that answers at once is asked; a training is
    not paid for a picture. The sentence says who has no figure and why; it may be empty.
    """
    first = space.reference() if space is not None else None
    if first is None:
        first = _sized(REFERENCES["efficientnet-b0"].build(), config)
    evaluator, reason = _evaluator(config, space)
    if evaluator is None:
        return (Reference(_name(first), first, None),), reason
    seed = config.seed
    judged = [Reference(_name(first), first, _judged(evaluator, first, seed))]
    taken, refused = {first.digest()}, []
    for name, spec in _near(config, flops):
        if spec.digest() in taken:
            continue
        taken.add(spec.digest())
        figure = _judged(evaluator, spec, seed)
        if figure is None:
            refused.append(name)
        else:
            judged.append(Reference(name, spec, figure))
    return tuple(judged), _sentence(config, refused)


def _evaluator(config: SearchConfig, space: SizedSpace | None) -> tuple[Evaluator | None, str]:
    """The search's evaluator where it answers at once, else why nothing is asked."""
    try:
        evaluator: Evaluator = load_evaluator(config.evaluator)()
        if not evaluator.cheap:
            return None, (
                "Known networks have no accuracy here: this search judges by training and trained "
                "none of them. `nas trust` trains them beside the found network."
            )
        evaluator.prepare(EvaluationContext(space, config.seed, options=config.options))
    except Exception as error:
        # A plug-in may raise anything; a report can do without its references.
        said = str(error) if isinstance(error, NasError) else one_line(error)
        return None, f"Known networks have no figure here: {said}."
    return evaluator, ""


def _judged(evaluator: Evaluator, spec: ArchSpec, seed: int) -> Judged | None:
    answer = judge(evaluator, spec, seed)
    if isinstance(answer, Accuracy):
        return Judged(answer.value, True, answer.source, answer.sd)
    if isinstance(answer, Score):
        return Judged(answer.value, False, answer.source)
    return None


def _near(config: SearchConfig, flops: Sequence[int]) -> list[tuple[str, ArchSpec]]:
    """References of about the FLOPs that were searched."""
    low, high = min(flops, default=0) / _FURTHEST, max(flops, default=0) * _FURTHEST
    found = []
    for name, reference in REFERENCES.items():
        spec = _sized(reference.build(), config)
        try:
            cost = network_cost(spec).flops
        except NasError:
            continue
        if low <= cost <= high:
            found.append((name, spec))
    return found


def _sized(spec: ArchSpec, config: SearchConfig) -> ArchSpec:
    return resized(
        spec,
        resolution=config.resolution,
        classes=config.classes,
        in_channels=config.in_channels,
    )


def _name(spec: ArchSpec) -> str:
    return spec.name or "reference"


def _sentence(config: SearchConfig, refused: Sequence[str]) -> str:
    if not refused:
        return ""
    one = len(refused) == 1
    return (
        f"Not drawn: {', '.join(refused)}. {'It has' if one else 'They have'} no figure from "
        f"evaluator '{config.evaluator}', which does not know networks of "
        f"{'its' if one else 'their'} kind."
    )
