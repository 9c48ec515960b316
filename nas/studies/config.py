"""The settings of a scaling study, frozen, and how two of them differ."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from nas.data.located import located, same_images
from nas.errors import ConfigError, RunError
from nas.fitting.config import RESUMABLE_OPTIONS, OptionValue
from nas.scaling.coefficients import PAPER, ScalingCoefficients
from nas.scaling.family import RESOLUTION_MULTIPLE
from nas.scaling.steps import WAYS, By
from nas.spec import ArchSpec
from nas.studies.curves import StudyCurves, dimension_curves, width_curve_name, width_curves

DIMENSIONS: tuple[By, ...] = ("depth", "width", "resolution", "compound")
RATIOS = (1.5, 2.0, 3.0, 4.0)
FIGURE4_STARTS = ((1.0, 1.0), (1.0, 1.3), (2.0, 1.0), (2.0, 1.3))
"""Depth and resolution of the four curves of the paper's Figure 4, by its legend."""

LEAST_SEEDS = 2

# What may change when a study goes on: which networks, how long, with how many seeds. What was
# trained is found again by its digest.
_RESUMABLE = frozenset(
    {"dimensions", "ratios", "coefficients", "widths_at", "resolution_multiple", "epochs", "seeds"}
)


@dataclass(frozen=True)
class StudyConfig:
    """Everything that decides what a study does.

    baseline: at the classes and the resolution of the images. data: these as they were typed;
    data_path: from the root on, where they have a path. ratios: FLOPs over the baseline's.
    coefficients: what compound grows by. widths_at: (depth, resolution) at which width grows, for
    Figure 4; empty for none. epochs: None for an evaluator that has none. seeds: of each network.
    """

    baseline: ArchSpec
    data: str | None
    dimensions: tuple[By, ...] = DIMENSIONS
    ratios: tuple[float, ...] = RATIOS
    coefficients: ScalingCoefficients = PAPER
    widths_at: tuple[tuple[float, float], ...] = ()
    resolution_multiple: int = RESOLUTION_MULTIPLE
    epochs: int | None = None
    seeds: int = 3
    evaluator: str = "train"
    evaluator_options: tuple[tuple[str, OptionValue], ...] = ()
    seed: int = 0
    data_path: str | None = None

    def __post_init__(self) -> None:
        if not self.dimensions and not self.widths_at:
            raise ConfigError(f"--dimensions is empty; choose of {', '.join(DIMENSIONS)}")
        for by in self.dimensions:
            if by not in WAYS:
                raise ConfigError(f"--dimensions has '{by}'; choose of {', '.join(DIMENSIONS)}")
        if len(set(self.dimensions)) < len(self.dimensions):
            raise ConfigError("--dimensions names a dimension twice; each is one curve")
        if len({width_curve_name(*start) for start in self.widths_at}) < len(self.widths_at):
            raise ConfigError("--widths-at names a depth and resolution twice; each is one curve")
        if self.seeds < LEAST_SEEDS:
            raise ConfigError(
                f"--seeds is {self.seeds}; with fewer than {LEAST_SEEDS} nothing tells luck from "
                "merit"
            )
        if self.epochs is not None and self.epochs < 1:
            raise ConfigError(f"--epochs is {self.epochs}; it must be 1 or more")
        if self.seed < 0:
            raise ConfigError(f"--seed is {self.seed}; it must be zero or more")

    def options(self) -> dict[str, OptionValue]:
        """The evaluator's options."""
        options = dict(self.evaluator_options)
        if self.data is not None:
            options["data"] = located(self.data, self.data_path)
        if self.epochs is not None:
            options["epochs"] = self.epochs
        return options

    def curves(self) -> StudyCurves:
        """The networks. Raises: ConfigError where a dimension has none."""
        return StudyCurves(
            dimension_curves(
                self.baseline,
                self.dimensions,
                self.ratios,
                self.coefficients,
                resolution_multiple=self.resolution_multiple,
            ),
            width_curves(
                self.baseline,
                self.widths_at,
                self.ratios,
                resolution_multiple=self.resolution_multiple,
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `study.json`."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        content["baseline"] = self.baseline.to_dict()
        content["coefficients"] = dataclasses.astuple(self.coefficients)
        return json.loads(json.dumps(content))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, content: Any) -> StudyConfig:
        """Read `to_dict`'s output. Raises: RunError where it is damaged."""
        try:
            values = dict(content)
            values["baseline"] = ArchSpec.from_dict(values["baseline"])
            values["coefficients"] = ScalingCoefficients(*values["coefficients"])
            for name in ("dimensions", "ratios"):
                values[name] = tuple(values[name])
            for name in ("widths_at", "evaluator_options"):
                values[name] = tuple((first, second) for first, second in values[name])
            return cls(**values)
        except (TypeError, KeyError, ValueError) as error:
            raise RunError(f"the configuration is damaged ({error})") from None

    def difference(self, other: StudyConfig) -> str | None:
        """How `other` differs in what must stay the same: "seed 0 -> 1"; None if it does not."""
        if same_images((self.data, self.data_path), (other.data, other.data_path)):
            other = dataclasses.replace(other, data=self.data)
        mine, theirs = self._identity(), other._identity()
        changed = [
            f"{name.replace('_', ' ')} {mine[name]} -> {theirs[name]}"
            for name in mine
            if mine[name] != theirs[name]
        ]
        return ", ".join(changed) or None

    def _identity(self) -> dict[str, Any]:
        elsewhere = _RESUMABLE | {"data_path"}
        content = {name: v for name, v in self.to_dict().items() if name not in elsewhere}
        content["baseline"] = self.baseline.digest()
        content["evaluator_options"] = sorted(
            pair for pair in content["evaluator_options"] if pair[0] not in RESUMABLE_OPTIONS
        )
        return content
