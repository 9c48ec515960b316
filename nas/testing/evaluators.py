"""The contract of an evaluator: honest kinds of number, and answers that repeat."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

from nas.evaluators.base import (
    Accuracy,
    EvaluationContext,
    Evaluator,
    PredictsDevices,
    Score,
    gives_scores,
)
from nas.space import SearchSpace
from nas.spec import ArchSpec
from nas.testing.claims import claim, during


def check_evaluator(
    evaluator: Evaluator,
    archs: Iterable[ArchSpec],
    *,
    space: SearchSpace | None = None,
    seed: int = 0,
) -> None:
    """Prepare an evaluator for `space` and let it judge `archs`.

    Every answer is an Accuracy (a fraction), or every one a Score and `gives_scores` says so; each
    has a source; networks are left as they were. One that declares itself cheap gives the same
    network the same value again, whatever the seed and the network's name; another one is asked
    once per network.
    Raises: AssertionError naming the evaluator, the claim and the network.
    """
    name = getattr(evaluator, "name", None)
    what = f"{type(evaluator).__name__}.name is {name!r}; it must be a text"
    claim(isinstance(name, str) and bool(name), what)
    what = f"evaluator '{name}'"
    cheap = getattr(evaluator, "cheap", None)
    claim(isinstance(cheap, bool), f"{what}: cheap is {cheap!r}; it must be true or false")
    networks = list(archs)
    claim(bool(networks), f"{what}: no networks to judge")
    kinds: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        with during(f"{what}, prepare()"):
            # As in a search, the folder is the evaluator's to make.
            evaluator.prepare(EvaluationContext(space, seed, Path(folder) / "evaluator"))
        for arch in networks:
            with during(f"{what} on network {arch.name or arch.digest()}"):
                kinds.add(_check_answers(evaluator, arch, seed))
        claim(len(kinds) == 1, f"{what}: gives {' and '.join(sorted(kinds))}; it must choose one")
        declared = gives_scores(evaluator)
        claim(
            declared == (kinds == {"Score"}),
            f"{what}: gives_scores is {declared}, but every answer is of kind {kinds.pop()}",
        )
        if isinstance(evaluator, PredictsDevices):
            with during(f"{what}, device_figure()"):
                _check_devices(evaluator, networks[0])


def _check_answers(evaluator: Evaluator, arch: ArchSpec, seed: int) -> str:
    """Check one network's answer; returns the kind of answer."""
    before = arch.to_json()
    answer = evaluator.evaluate(arch, seed=seed)
    claim(
        isinstance(answer, (Accuracy, Score)),
        f"evaluate() gives a {type(answer).__name__}, neither Accuracy nor Score",
    )
    claim(math.isfinite(answer.value), f"value {answer.value} is not finite")
    if isinstance(answer, Accuracy):
        claim(0 <= answer.value <= 1, f"accuracy {answer.value} is not a fraction from 0 to 1")
        sd = answer.sd
        claim(sd is None or 0 <= sd < math.inf, f"sd {sd} is not a standard deviation")
    claim(bool(answer.source), "source is empty; say what kind of number it is")
    claim(0 <= answer.seconds < math.inf, f"seconds {answer.seconds} is not a duration")
    claim(arch.to_json() == before, "evaluate() changes the network that it judges")
    if evaluator.cheap:
        repeats = {
            "again": evaluator.evaluate(arch, seed=seed),
            "with another seed": evaluator.evaluate(arch, seed=seed + 1),
            "under another name": evaluator.evaluate(
                dataclasses.replace(arch, name="renamed"), seed=seed
            ),
        }
        for how, repeat in repeats.items():
            claim(
                repeat.value == answer.value,
                f"declares itself cheap, but gives {answer.value}, then {repeat.value} {how}",
            )
    return type(answer).__name__


def _check_devices(evaluator: PredictsDevices, arch: ArchSpec) -> None:
    for metric, unit in evaluator.device_metrics().items():
        figure = evaluator.device_figure(metric, arch)
        claim(0 < figure < math.inf, f"{metric} is {figure} {unit}; it must be positive")
