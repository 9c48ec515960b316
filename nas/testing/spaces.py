"""The contract of a search space: recorded answers rebuild exact, buildable networks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from nas.archs import resized
from nas.space import HasParameters, HasReference, HasResolutions, SearchSpace, rebuild
from nas.spec import ArchSpec
from nas.suggest import FixedSuggest, RandomSuggest, T
from nas.testing.claims import claim, during
from nas.testing.networks import check_network, check_training

TRAINING_RESOLUTION_PX = 32
RESOLUTIONS_PX = (32, 65)
_NAME = re.compile(r"[A-Za-z0-9_./-]+")


class _NotingSuggest(RandomSuggest):
    """Random answers, noting which questions are categorical."""

    def __init__(self, source: int) -> None:
        super().__init__(source)
        self.categorical: set[str] = set()

    def suggest_categorical(self, name: str, choices: Sequence[T]) -> T:
        self.categorical.add(name)
        return super().suggest_categorical(name, choices)


def check_space(space: SearchSpace, *, samples: int = 50, seed: int = 0, trained: int = 3) -> None:
    """Check `samples` random networks of a space; `trained` of them run forward and backward.

    The same answers give the same network; recorded parameters rebuild it, also through an Optuna
    trial; it survives JSON; arithmetic equals torch's count to the unit, at the space's resolution
    and at an odd one; `parameters()` and `reference()`, where offered, agree with `sample()`; and
    `at_resolution()` asks the same questions.
    Raises: AssertionError naming the space, the claim and the parameters.
    """
    claim(
        isinstance(getattr(space, "name", None), str) and bool(space.name),
        f"{type(space).__name__}.name must be a text, as typed after --space",
    )
    claim(callable(getattr(space, "sample", None)), f"space '{space.name}' has no sample()")
    categorical: dict[str, tuple[Any, ...]] = {}
    for index in range(samples):
        suggest = _NotingSuggest(seed + index)
        with during(f"space '{space.name}', random network of seed {seed + index}"):
            arch = space.sample(suggest)
        with during(f"space '{space.name}' with parameters {suggest.params}"):
            _check_questions(suggest, categorical)
            _check_rebuilding(space, arch, suggest, seed + index)
            # An odd side on every other network: a rule that halves sizes shows itself there.
            odd = resized(arch, resolution=arch.resolution - 1 + arch.resolution % 2)
            check_network(odd if index % 2 and arch.resolution > 1 else arch, "network")
            if index < trained:
                resolution = min(arch.resolution, TRAINING_RESOLUTION_PX)
                check_training(arch, "training", resolution)
    _check_reference(space)
    if isinstance(space, HasResolutions):
        for resolution in RESOLUTIONS_PX:
            with during(f"space '{space.name}', at_resolution({resolution})"):
                _check_resolution(space, space.at_resolution(resolution), resolution, seed)


def _check_questions(suggest: _NotingSuggest, seen: dict[str, tuple[Any, ...]]) -> None:
    """Names and choices that a table's header, JSON and Optuna can carry."""
    claim(bool(suggest.params), "sample() asks nothing, so the space holds one network")
    for name, choices in suggest.choices.items():
        claim(
            _NAME.fullmatch(name) is not None,
            f"parameter {name!r} is no path such as 'stage1.kernel'",
        )
        plain = all(isinstance(choice, (bool, int, float, str)) for choice in choices)
        claim(plain, f"choices {choices} of '{name}' are not all numbers, texts or booleans")
        claim(len(set(choices)) == len(choices), f"choices {choices} of '{name}' are not distinct")
        if name in suggest.categorical:
            before = seen.setdefault(name, choices)
            claim(
                before == choices,
                f"the choices of '{name}' change from {before} to {choices}; Optuna needs the same "
                "choices in every trial, so give each set its own name",
            )


def _check_rebuilding(
    space: SearchSpace, arch: ArchSpec, suggest: RandomSuggest, seed: int
) -> None:
    from optuna.trial import FixedTrial

    claim(isinstance(arch, ArchSpec), f"sample() gives a {type(arch).__name__}, not an ArchSpec")
    again = RandomSuggest(seed)
    _claim_same(arch, space.sample(again), "the same answers give another network")
    claim(
        list(again.params.items()) == list(suggest.params.items()),
        f"the same answers are asked under other names: {again.params}",
    )
    _claim_same(arch, rebuild(space, suggest.params), "recorded parameters rebuild another network")
    trial: Any = FixedTrial(suggest.params)
    _claim_same(arch, space.sample(trial), "an Optuna trial with these parameters gives another")
    claim(trial.params == suggest.params, f"an Optuna trial records {trial.params}")
    if isinstance(space, HasParameters):
        params = space.parameters(arch)
        claim(params is not None, "parameters() does not recognise the space's own network")
        _claim_same(arch, rebuild(space, params or {}), f"parameters() gives {params}, another")


def _check_reference(space: SearchSpace) -> None:
    if not isinstance(space, HasReference):
        return
    with during(f"space '{space.name}', reference()"):
        reference = space.reference()
        claim(isinstance(reference, ArchSpec), f"a {type(reference).__name__}, not an ArchSpec")
        check_network(reference, "network")
        # None is allowed: a reference may lie outside of the space.
        params = space.parameters(reference) if isinstance(space, HasParameters) else None
        if params is not None:
            _claim_same(reference, rebuild(space, params), f"parameters() gives {params}, another")


def _check_resolution(space: SearchSpace, other: Any, resolution: int, seed: int) -> None:
    """The space at another resolution understands recorded answers, and its networks fit."""
    claim(isinstance(other, SearchSpace), f"gives a {type(other).__name__}, not a space")
    suggest = RandomSuggest(seed)
    space.sample(suggest)
    again = FixedSuggest(suggest.params)
    arch = other.sample(again)
    claim(
        again.choices == suggest.choices,
        "asks other questions, or with other choices; answers must carry over",
    )
    claim(arch.resolution == resolution, f"samples networks for {arch.resolution} px")
    check_network(arch, "network")
    if isinstance(other, HasReference):
        reference = other.reference()
        claim(reference.resolution == resolution, f"has a reference for {reference.resolution} px")
        check_network(reference, "reference network")


def _claim_same(expected: ArchSpec, found: ArchSpec, otherwise: str) -> None:
    if found.digest() == expected.digest():
        return
    fields = [
        f"{field.name} {getattr(found, field.name)} instead of {getattr(expected, field.name)}"
        for field in dataclasses.fields(ArchSpec)
        if field.compare and getattr(found, field.name) != getattr(expected, field.name)
    ]
    raise AssertionError(f"{otherwise}: {'; '.join(fields)}")
