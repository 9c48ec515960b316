"""The settings of a search, frozen, and how two of them differ."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.data.located import located, same_images
from nas.errors import ConfigError, RunError
from nas.objective import Bound
from nas.registry import did_you_mean

# How long a search goes on and where it stores may change when it is resumed; the rest may not.
RESUMABLE_CHANGES = frozenset({"trials", "timeout_seconds", "storage"})
# And where the images are, which are known by what is in them.
_ELSEWHERE = RESUMABLE_CHANGES | {"data_path"}
# Nor may the evaluator's options, but for where it works.
RESUMABLE_OPTIONS = frozenset({"device"})
# Settings that came later: left out of the identity at their defaults, so that older runs keep
# theirs.
LATER: Mapping[str, Any] = {
    "data": None,
    "evaluator_options": [],
    "pruner": "none",
    "first_filter": None,
}

PRUNERS = ("none", "median", "hyperband", "patient")
OptionValue = str | int | float | bool


@dataclass(frozen=True)
class SearchConfig:
    """Everything that decides what a search does.

    objectives is empty for a search on the reward, or names figures to trade off ("accuracy",
    "flops", "latency:zcu102"). `exponents` is set where the reward is given by `--w LOW,HIGH`.
    warm_start names networks or runs that are judged first. data names images, for an evaluator
    that trains, as they were typed; data_path is their path from the root on, where they have one.
    evaluator_options are its settings, (name, value) in the order of the names.
    first_filter: "zero-cost:0.5", see `nas.searching.first_filter`.
    """

    target_flops: int
    space: str = "mbconv"
    evaluator: str = "imagenet"
    reward: str = "hard"
    exponents: tuple[float, float] | None = None
    bounds: tuple[Bound, ...] = ()
    objectives: tuple[str, ...] = ()
    sampler: str = "architecture"
    warm_start: tuple[str, ...] = ()
    seed: int = 0
    resolution: int | None = None
    classes: int | None = None
    in_channels: int | None = None
    trials: int = 300
    timeout_seconds: float | None = None
    storage: str | None = None
    data: str | None = None
    evaluator_options: tuple[tuple[str, OptionValue], ...] = ()
    pruner: str = "none"
    first_filter: str | None = None
    data_path: str | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ConfigError(f"--trials is {self.trials}; a search needs at least 1")
        if self.timeout_seconds is not None and self.timeout_seconds <= 0:
            raise ConfigError(f"--timeout is {self.timeout_seconds:g} s; it must be positive")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; it must be zero or more")
        if self.pruner not in PRUNERS:
            raise ConfigError(
                f"unknown pruner '{self.pruner}'; {did_you_mean(self.pruner, PRUNERS)}"
            )
        if self.pruner != "none" and len(self.objectives) > 1:
            raise ConfigError(
                f"--pruner {self.pruner} needs one figure to compare trainings by; --objectives "
                f"names {len(self.objectives)}"
            )

    @property
    def options(self) -> dict[str, OptionValue]:
        """The evaluator's options by name, with the images under "data" where there are any."""
        images = self.images
        return dict(self.evaluator_options) | ({} if images is None else {"data": images})

    @property
    def images(self) -> str | None:
        """What the images are opened by, wherever this process works."""
        return None if self.data is None else located(self.data, self.data_path)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `run.json`."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, content: Any) -> SearchConfig:
        """Read `to_dict`'s output. Raises: RunError where it is damaged."""
        try:
            values = dict(content)
            values["bounds"] = tuple(Bound(**bound) for bound in values["bounds"])
            values["objectives"] = tuple(values["objectives"])
            values["warm_start"] = tuple(values.get("warm_start", ()))
            options = values.get("evaluator_options", ())
            values["evaluator_options"] = tuple((str(name), value) for name, value in options)
            if values["exponents"] is not None:
                low, high = values["exponents"]
                values["exponents"] = (float(low), float(high))
            return cls(**values)
        except (TypeError, KeyError, ValueError) as error:
            raise RunError(f"the configuration is damaged ({error})") from None

    def identity(self) -> dict[str, Any]:
        """The settings that must stay the same when a run goes on."""
        content = self.to_dict()
        content["evaluator_options"] = [
            pair for pair in content["evaluator_options"] if pair[0] not in RESUMABLE_OPTIONS
        ]
        return {
            name: value
            for name, value in content.items()
            if name not in _ELSEWHERE and not (name in LATER and value == LATER[name])
        }

    def digest(self) -> str:
        """Eight hexadecimal digits of the identity."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def difference(self, other: SearchConfig) -> str | None:
        """How `other` differs in what must stay the same: "seed 0 -> 1"; None if it does not."""
        if same_images((self.data, self.data_path), (other.data, other.data_path)):
            other = dataclasses.replace(other, data=self.data)
        mine, theirs = _flat(self.identity()), _flat(other.identity())
        changed = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
        if not changed:
            return None
        return ", ".join(
            f"{name.replace('_', ' ')} {mine.get(name)} -> {theirs.get(name)}" for name in changed
        )


def _flat(identity: dict[str, Any]) -> dict[str, Any]:
    """The evaluator's options beside the other settings, each by its own name."""
    options = identity.pop("evaluator_options", [])
    return identity | {f"option {name}": value for name, value in options}
