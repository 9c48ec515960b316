"""Who answers a space's questions: a random source, recorded parameters, or an Optuna trial.

A space asks `suggest_categorical` and `suggest_int` by stable names ("stage1.kernel"). The sources
here answer the same calls as `optuna.Trial` and note what was asked, so that recorded parameters
rebuild a network and a random draw knows how likely it was.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from nas.errors import SpaceError

T = TypeVar("T", bool, int, float, str)


class Suggest(Protocol):
    """What a space may ask. An `optuna.Trial` fits."""

    def suggest_categorical(self, name: str, choices: Sequence[T]) -> T:
        """One of `choices`."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """A whole number from `low` to `high` (both included), `step` apart."""


class _Recording(ABC):
    """Notes every answer, and every question's possible answers."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.choices: dict[str, tuple[Any, ...]] = {}

    @abstractmethod
    def _answer(self, name: str, choices: tuple[Any, ...]) -> Any:
        """One of `choices`."""

    def suggest_categorical(self, name: str, choices: Sequence[T]) -> T:
        """One of `choices`; the same answer where the name was asked before."""
        return self._ask(name, tuple(choices))  # type: ignore[no-any-return]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        """A whole number from `low` to `high`, `step` apart."""
        return self._ask(name, tuple(range(low, high + 1, step)))  # type: ignore[no-any-return]

    def _ask(self, name: str, choices: tuple[Any, ...]) -> Any:
        if not choices:
            raise SpaceError(f"parameter '{name}' has no choices")
        if name in self.params:
            if self.choices[name] != choices:
                raise SpaceError(
                    f"parameter '{name}' is asked twice with different choices; "
                    "give each question its own name"
                )
            return self.params[name]
        self.choices[name] = choices
        self.params[name] = self._answer(name, choices)
        return self.params[name]

    @property
    def paths(self) -> int:
        """The product of the numbers of choices met.

        Over uniform random draws its mean is the number of different answers in all (Knuth 1975,
        on estimating tree sizes); for a space without conditions it is that number, always.
        """
        product = 1
        for choices in self.choices.values():
            product *= len(choices)
        return product


class RandomSuggest(_Recording):
    """Uniform answers from a seed or a generator."""

    def __init__(self, source: int | random.Random) -> None:
        super().__init__()
        self._random = source if isinstance(source, random.Random) else random.Random(source)

    def _answer(self, name: str, choices: tuple[Any, ...]) -> Any:
        return choices[self._random.randrange(len(choices))]


class FixedSuggest(_Recording):
    """Answers from recorded parameters; `otherwise` answers what they leave open.

    Raises: SpaceError where a parameter is missing and there is no `otherwise`, or where the
    recorded value is no choice of this space.
    """

    def __init__(self, params: Mapping[str, Any], otherwise: random.Random | None = None) -> None:
        super().__init__()
        self._recorded = dict(params)
        self._otherwise = otherwise

    def _answer(self, name: str, choices: tuple[Any, ...]) -> Any:
        if name in self._recorded:
            value = self._recorded[name]
            # `True == 1`, so look the choice up instead of returning what was recorded.
            for choice in choices:
                if choice == value:
                    return choice
            if self._otherwise is None:
                raise SpaceError(
                    f"parameter '{name}' is {value!r}, which is not one of "
                    f"{', '.join(map(repr, choices))}"
                )
        elif self._otherwise is None:
            raise SpaceError(f"parameter '{name}' is missing")
        assert self._otherwise is not None
        return choices[self._otherwise.randrange(len(choices))]
