"""The networks a sampler may propose, as rows of codes, found by asking the space itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.samplers.parameter import INACTIVE, Codes, Parameter, parameter

DefineByRun = Callable[[Any], object]
"""Asks its argument, as it would ask an Optuna trial, for every choice of one network."""

PROBES = 128
"""Random networks drawn to learn a space's questions. A question that none of them meets is left
to independent sampling; one asked in 5 % of networks is missed with probability 0.001."""


class Completion(Protocol):
    """Turns answers to all questions into the questions that are really asked."""

    def __call__(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Rows that are networks, with INACTIVE where a question is not asked."""


class CandidateSpace:
    """Questions in a fixed order, and the rule which of them a network asks."""

    def __init__(
        self,
        parameters: Sequence[Parameter],
        completion: Completion | None,
        rules: object = None,
    ) -> None:
        self.parameters = tuple(parameters)
        self.sizes = np.array([len(p.levels) for p in self.parameters], dtype=np.int64)
        parts = list(dict.fromkeys(p.part for p in self.parameters))
        self.part = np.array([parts.index(p.part) for p in self.parameters], dtype=np.int64)
        self.conditional = completion is not None
        self._completion = completion
        self.signature = (self.parameters, rules)
        self._column = {p.name: index for index, p in enumerate(self.parameters)}

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What an Optuna trial may be asked."""
        return {p.name: p.distribution for p in self.parameters}

    def draw(self, rng: np.random.Generator, count: int) -> Codes:
        """Up to `count` uniform random networks; fewer where the space refuses some."""
        return self.complete(rng.integers(0, self.sizes, size=(count, len(self.sizes))), rng)

    def complete(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """The rows that are networks; questions that came into play are answered at random."""
        return codes if self._completion is None else self._completion(codes, rng)

    def encode(self, params: Mapping[str, Any]) -> Codes:
        """One row (parameters,) for recorded answers; names unknown here are left out."""
        row = np.full(len(self.parameters), INACTIVE, dtype=np.int64)
        for name, value in params.items():
            column = self._column.get(name)
            if column is not None:
                row[column] = self.parameters[column].code(value)
        return row

    def decode(self, row: Codes) -> dict[str, Any]:
        """The answers that a row stands for."""
        return {
            p.name: p.levels[code]
            for p, code in zip(self.parameters, row.tolist(), strict=True)
            if code != INACTIVE
        }


class _Asked:
    """Answers a define-by-run space from codes, else at random, and notes the questions.

    `forms` keeps the distributions that were asked for, by question: making one anew for each of a
    thousand candidates would take most of a suggestion's time.
    """

    def __init__(
        self,
        columns: Mapping[str, tuple[int, Parameter]],
        row: Codes,
        rng: np.random.Generator,
        forms: dict[object, BaseDistribution],
    ) -> None:
        self._columns, self._row, self._rng, self._forms = columns, row.tolist(), rng, forms
        self.answers: dict[str, Any] = {}
        self.questions: dict[str, BaseDistribution] = {}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        key = (name, tuple(choices))
        if key not in self._forms:
            self._forms[key] = CategoricalDistribution(choices)
        return self._ask(name, self._forms[key])

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        key = (name, low, high, step, log)
        if key not in self._forms:
            self._forms[key] = IntDistribution(low, high, log=log, step=step)
        return int(self._ask(name, self._forms[key]))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        key = (name, low, high, step, log)
        if key not in self._forms:
            self._forms[key] = FloatDistribution(low, high, log=log, step=step)
        return float(self._ask(name, self._forms[key]))

    def _ask(self, name: str, distribution: BaseDistribution) -> Any:
        if name not in self.answers:
            self.questions[name] = distribution
            self.answers[name] = self._answer(name, distribution)
        return self.answers[name]

    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        known = self._columns.get(name)
        if known is None:
            levels = parameter(name, distribution).levels
            return levels[int(self._rng.integers(len(levels)))]
        column, asked = known
        code = self._row[column]
        if code == INACTIVE:
            code = int(self._rng.integers(len(asked.levels)))
        value = asked.levels[code]
        if asked.distribution is distribution or asked.distribution == distribution:
            return value
        # A range that depends on earlier answers: the nearest level of today's range.
        here = parameter(name, distribution)
        return here.levels[max(here.code(value), 0)]


def discover(space: DefineByRun) -> CandidateSpace:
    """Learn a define-by-run space's questions by drawing random networks from it."""
    found: dict[str, BaseDistribution] = {}
    # The questions are a property of the space, so they must not depend on a study's seed.
    rng = np.random.default_rng(0)
    nothing = np.empty(0, dtype=np.int64)
    forms: dict[object, BaseDistribution] = {}
    drawn = [asked for _ in range(PROBES) if (asked := _run(space, {}, nothing, rng, forms))]
    for asked in drawn:
        for name, distribution in asked.questions.items():
            found[name] = _wider(found[name], distribution) if name in found else distribution
    parameters = [parameter(name, distribution) for name, distribution in found.items()]
    columns = {p.name: (index, p) for index, p in enumerate(parameters)}
    if len(drawn) == PROBES and all(asked.questions == found for asked in drawn):
        return CandidateSpace(parameters, None)

    def completion(codes: Codes, rng: np.random.Generator) -> Codes:
        rows = []
        for row in codes:
            asked = _run(space, columns, row, rng, forms)
            if asked is None:
                continue
            completed = np.full(len(parameters), INACTIVE, dtype=np.int64)
            for name, value in asked.answers.items():
                if name in columns:
                    column, p = columns[name]
                    completed[column] = p.code(value)
            rows.append(completed)
        return np.array(rows, dtype=np.int64).reshape(-1, len(parameters))

    return CandidateSpace(parameters, completion, space)


def _run(
    space: DefineByRun,
    columns: Mapping[str, tuple[int, Parameter]],
    row: Codes,
    rng: np.random.Generator,
    forms: dict[object, BaseDistribution],
) -> _Asked | None:
    asked = _Asked(columns, row, rng, forms)
    try:
        space(asked)
    except Exception:
        # A space may refuse a combination of answers by raising whatever it likes; such a network
        # is merely not proposed. An error on every network ends in "no parameters" below.
        return None
    return asked


def _wider(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution:
    """The range that holds both; categorical choices must not change (nor may they in Optuna)."""
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        low, high = min(one.low, other.low), max(one.high, other.high)
        return IntDistribution(low, high, log=one.log, step=1 if one.log else one.step)
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        low_float, high_float = min(one.low, other.low), max(one.high, other.high)
        return FloatDistribution(low_float, high_float, log=one.log, step=one.step)
    return one


def from_trials(asked: Iterable[Mapping[str, BaseDistribution]], rows: Any) -> CandidateSpace:
    """The space as far as earlier trials show it, for a study that names none.

    `asked` are the trials' distributions, `rows` their parameters, in the same order. A question
    asked in some trials only is taken to hang on the one answer that separates these trials from
    the others; where no single answer does, it is taken as always asked.
    """
    asked, rows = list(asked), list(rows)
    found: dict[str, BaseDistribution] = {}
    for distributions in asked:
        for name, distribution in distributions.items():
            found[name] = _wider(found[name], distribution) if name in found else distribution
    # By name: the order of questions must not depend on which trial came first.
    parameters = [parameter(name, found[name]) for name in sorted(found)]
    plain = CandidateSpace(parameters, None)
    if not rows:
        return plain
    codes = np.array([plain.encode(row) for row in rows])
    present = codes != INACTIVE
    rules: list[tuple[int, int, frozenset[int]]] = []
    for child in np.flatnonzero(~present.all(axis=0)).tolist():
        for parent in np.flatnonzero(present.all(axis=0)).tolist():
            on = frozenset(codes[present[:, child], parent].tolist())
            off = frozenset(codes[~present[:, child], parent].tolist())
            if not on & off:
                rules.append((child, parent, off))
                break
    if not rules:
        return plain

    def completion(codes: Codes, rng: np.random.Generator) -> Codes:
        drawn = rng.integers(0, plain.sizes, size=codes.shape)
        completed = np.where(codes == INACTIVE, drawn, codes)
        for child, parent, off in rules:
            completed[np.isin(completed[:, parent], list(off)), child] = INACTIVE
        return completed

    return CandidateSpace(parameters, completion, tuple(rules))
