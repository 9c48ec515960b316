"""What a trust report trains."""

from __future__ import annotations

from dataclasses import dataclass

from nas.errors import ConfigError

LONGER = 3
SEEDS = 2
# Seeds of the report's trainings begin here: none of a search's own.
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
