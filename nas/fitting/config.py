"""The settings of a fit, frozen, and how two of them differ."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from nas.data.located import located, same_images
from nas.errors import ConfigError, RunError
from nas.fitting.latency_source import check_latency, is_latency
from nas.scaling.constraints import find_constraint
from nas.scaling.family import RESOLUTION_MULTIPLE
from nas.scaling.grid import Grid, feasible_grid
from nas.spec import ArchSpec

# What may change when a fit goes on: which networks, for how long, with how many seeds (what is
# trained is found again), and where. The rest decides what one training is.
RESUMABLE_CHANGES = frozenset(
    {
        "ratio",
        "tolerance",
        "step",
        "constraint",
        "latency_threads",
        "latency_batch",
        "resolution_multiple",
        "epochs",
        "seeds",
    }
)
RESUMABLE_OPTIONS = frozenset({"device"})

OptionValue = str | int | float | bool


@dataclass(frozen=True)
class FitConfig:
    """Everything that decides what a fit does.

    baseline: at the classes and the resolution of the images. data: these as they were typed;
    data_path: from the root on, where they have a path. epochs: lengths of training, in
    ascending order; empty for an evaluator that has no epochs. seeds: of the networks that stay to
    the end. step: of a grid in alpha, beta and gamma; None for every distinct network. constraint:
    flops, activations or params; latency:DEVICE, measured here with `latency_threads` and
    `latency_batch`, or latency:FILE, predicted by a table.
    """

    baseline: ArchSpec
    data: str | None
    ratio: float = 2.0
    tolerance: float = 0.1
    step: float | None = 0.05
    constraint: str = "flops"
    resolution_multiple: int = RESOLUTION_MULTIPLE
    epochs: tuple[int, ...] = ()
    seeds: int = 4
    evaluator: str = "train"
    evaluator_options: tuple[tuple[str, OptionValue], ...] = ()
    seed: int = 0
    latency_threads: int = 1
    latency_batch: int = 1
    data_path: str | None = None

    def __post_init__(self) -> None:
        if is_latency(self.constraint):
            check_latency(self.constraint)
        else:
            find_constraint(self.constraint)
        for name in ("threads", "batch"):
            if getattr(self, f"latency_{name}") < 1:
                given = getattr(self, f"latency_{name}")
                raise ConfigError(f"--latency-{name} is {given}; it must be at least 1")
        if self.seeds < 2:
            raise ConfigError(
                f"--seeds is {self.seeds}; with fewer than 2 nothing tells luck from merit"
            )
        if any(count < 1 for count in self.epochs):
            raise ConfigError("--epochs must be whole numbers of 1 or more, such as 20,60")
        if list(self.epochs) != sorted(set(self.epochs)):
            raise ConfigError("--epochs must grow from one length to the next, such as 20,60")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; it must be zero or more")

    @property
    def lengths(self) -> tuple[int | None, ...]:
        """The lengths of training; one of None for an evaluator that has no epochs."""
        return self.epochs or (None,)

    def options(self, epochs: int | None) -> dict[str, OptionValue]:
        """The evaluator's options at one length."""
        options = dict(self.evaluator_options)
        if self.data is not None:
            options["data"] = located(self.data, self.data_path)
        if epochs is not None:
            options["epochs"] = epochs
        return options

    def grid(self) -> Grid:
        """The networks to choose from, where costs are counted.

        Raises: ConfigError for settings that make no grid.
        """
        return feasible_grid(
            self.baseline,
            ratio=self.ratio,
            tolerance=self.tolerance,
            constraint=self.constraint,
            step=self.step,
            resolution_multiple=self.resolution_multiple,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `fit.json`."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        content["baseline"] = self.baseline.to_dict()
        return json.loads(json.dumps(content))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, content: Any) -> FitConfig:
        """Read `to_dict`'s output. Raises: RunError where it is damaged."""
        try:
            values = dict(content)
            values["baseline"] = ArchSpec.from_dict(values["baseline"])
            values["epochs"] = tuple(values["epochs"])
            options = values["evaluator_options"]
            values["evaluator_options"] = tuple((str(name), value) for name, value in options)
            return cls(**values)
        except (TypeError, KeyError, ValueError) as error:
            raise RunError(f"the configuration is damaged ({error})") from None

    def difference(self, other: FitConfig) -> str | None:
        """How `other` differs in what must stay the same: "seed 0 -> 1"; None if it does not."""
        if same_images((self.data, self.data_path), (other.data, other.data_path)):
            other = dataclasses.replace(other, data=self.data)
        mine, theirs = self._identity(), other._identity()
        changed = [name for name in mine if mine[name] != theirs[name]]
        if not changed:
            return None
        if "baseline" in changed:
            mine["baseline"], theirs["baseline"] = self._named(), other._named()
        return ", ".join(
            f"{name.replace('_', ' ')} {mine[name]} -> {theirs[name]}" for name in changed
        )

    def _named(self) -> str:
        base = self.baseline
        return f"{base.name or 'network'} at {base.resolution} px ({base.digest()[:8]})"

    def _identity(self) -> dict[str, Any]:
        content = self.to_dict()
        content["baseline"] = self.baseline.digest()
        elsewhere = RESUMABLE_CHANGES | {"data_path"}
        content = {name: v for name, v in content.items() if name not in elsewhere}
        content["evaluator_options"] = sorted(
            pair for pair in content["evaluator_options"] if pair[0] not in RESUMABLE_OPTIONS
        )
        return content
