"""What the finished trials of a search say; made of them alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass
class Ledger:
    """The finished trials, read in order; a resumed search has the same ledger.

    judged: digest -> the trial that paid for the network, failed and pruned ones included.
    refused: digests beyond a bound. failures: failed networks in a row. dry: trials in a row that
    brought nothing new.
    """

    trials: list[FrozenTrial] = field(default_factory=list)
    judged: dict[str, FrozenTrial] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    failures: int = 0
    dry: int = 0

    def note(self, trial: FrozenTrial) -> None:
        """Take one finished trial into account."""
        self.trials.append(trial)
        attrs = trial.user_attrs
        if "refused" in attrs:
            self.refused.add(attrs["digest"])
            self.dry += 1
        elif "repeat_of" in attrs:
            self.dry += 1
        else:
            self.dry = 0
            self.judged[attrs["digest"]] = trial
            self.failures = self.failures + 1 if "error" in attrs else 0

    @property
    def evaluations(self) -> int:
        """Networks paid for: neither refused nor answered from the cache."""
        return len(self.judged)
