"""The settings of a search, frozen, and how two of them differ."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from nas.errors import ConfigError, RunError
from nas.objective import Bound

# How long a search goes on and where it stores may change when it is resumed; the rest may not.
RESUMABLE_CHANGES = frozenset({"trials", "timeout_seconds", "storage"})


@dataclass(frozen=True)
class SearchConfig:
    """Everything that decides what a search does.

    objectives is empty for a search on the reward, or names figures to trade off ("accuracy",
    "flops", "latency:zcu102"). `exponents` is set where the reward is given by `--w LOW,HIGH`.
    warm_start names networks or runs that are judged first.
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

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ConfigError(f"--trials is {self.trials}; a search needs at least 1")
        if self.timeout_seconds is not None and self.timeout_seconds <= 0:
            raise ConfigError(f"--timeout is {self.timeout_seconds:g} s; it must be positive")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; it must be zero or more")

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
            if values["exponents"] is not None:
                low, high = values["exponents"]
                values["exponents"] = (float(low), float(high))
            return cls(**values)
        except (TypeError, KeyError, ValueError) as error:
            raise RunError(f"the configuration is damaged ({error})") from None

    def identity(self) -> dict[str, Any]:
        """The settings that must stay the same when a run goes on."""
        content = self.to_dict()
        return {name: content[name] for name in content if name not in RESUMABLE_CHANGES}

    def digest(self) -> str:
        """Eight hexadecimal digits of the identity."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def difference(self, other: SearchConfig) -> str | None:
        """How `other` differs in what must stay the same: "seed 0 -> 1"; None if it does not."""
        mine, theirs = self.identity(), other.identity()
        changed = [name for name in mine if mine[name] != theirs[name]]
        if not changed:
            return None
        return ", ".join(
            f"{name.replace('_', ' ')} {mine[name]} -> {theirs[name]}" for name in changed
        )
