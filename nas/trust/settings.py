"""What a trust report trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.errors import ConfigError
from nas.evaluators.base import Evaluator, option_names

LONGER = 3
SEEDS = 2
# Seeds of the report's trainings begin here, or above the search's own where those are higher.
FIRST_SEED = 1000


@dataclass(frozen=True)
class TrustSettings:
    """networks: the best so many, and as many drawn from the others. epochs: of the longer training
    [3 times the search's]. seeds: trainings of each network. random: trainings of the random
    search [as many as the search had]. pretrained: weights to fine-tune beside, as [ARCH=]FILE.
    Raises: ConfigError for numbers that make no sense.
    """

    networks: int = 3
    epochs: int | None = None
    seeds: int = SEEDS
    random: int | None = None
    pretrained: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("networks", 1), ("epochs", 1), ("seeds", 1), ("random", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"--{name} is {value}; it must be {least} or more")

    def epochs_of(self, proxy_epochs: int) -> int:
        """Epochs of the longer training."""
        return LONGER * proxy_epochs if self.epochs is None else self.epochs

    def seeds_above(self, seed: int, train_seeds: int) -> range:
        """Seeds of the longer trainings: none of `seed`, `seed` + 1, ..., which the search had."""
        first = max(FIRST_SEED, seed + train_seeds)
        return range(first, first + self.seeds)


def proxy_epochs(evaluator: Evaluator, options: Mapping[str, Any]) -> int:
    """How long a search with these options trains: what a report trains longer than.

    Raises: ConfigError where the evaluator does not train on images for a number of epochs.
    """
    trains = {"data", "epochs"} <= set(option_names(evaluator))
    if options.get("data") is None or not trains:
        raise ConfigError(
            f"a trust report trains networks longer; evaluator '{evaluator.name}' does not train "
            "on images for a number of epochs"
        )
    epochs = options.get("epochs")
    if not isinstance(epochs, int):
        raise ConfigError(
            "a trust report trains networks longer than the search, which does not say how many "
            "epochs it trains; search with --epochs"
        )
    return epochs
