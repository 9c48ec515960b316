"""A sampler for drivers that share a study: randomness from (seed, number of the trial) alone.

The database numbers the trials of all drivers in one row, so drivers with the same seed differ from
each other, and need no numbers of their own.
"""

from __future__ import annotations

from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from nas.searching.sampler_choice import SamplerSource


class NumberedSampler(BaseSampler):
    """Hands each trial to the sampler that there is for its number."""

    def __init__(self, samplers: SamplerSource) -> None:
        self._samplers = samplers
        self._sampler = self._samplers.for_trial(0)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Take the trial's own sampler; Optuna calls this before it asks anything of it."""
        self._sampler = self._samplers.for_trial(trial.number)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As the trial's sampler."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the trial's sampler."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As the trial's sampler."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """As the trial's sampler."""
        self._sampler.after_trial(study, trial, state, values)
