"""Optuna samplers by name, with randomness that depends on the seed and the trial alone.

A search that is interrupted and resumed must continue as if it had not been. So a sampler's
generator is set anew before every trial, from (seed, trial number), instead of running on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.errors import ConfigError
from nas.registry import did_you_mean

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

OURS = "architecture"
"""Our own sampler, made in `nas.searching.sampler_choice` because it is told the whole problem."""

SAMPLERS = (OURS, "tpe", "nsga2", "gp", "random")


def trial_seed(seed: int, trial: int) -> int:
    """A 32-bit seed for one trial, unrelated to its neighbours'."""
    return int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])


def sampler_factory(name: str) -> Callable[[int], BaseSampler]:
    """Seed -> sampler, for an Optuna sampler's short name.

    Raises: ConfigError for an unknown name.
    """
    import optuna

    factories: dict[str, Callable[[int], BaseSampler]] = {
        "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
        "nsga2": _ordered_nsga2,
        "gp": lambda seed: optuna.samplers.GPSampler(seed=seed, deterministic_objective=False),
        "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    }
    check_sampler(name)
    return factories[name]


def check_sampler(name: str) -> None:
    """Raises: ConfigError for an unknown name."""
    if name not in SAMPLERS:
        raise ConfigError(f"unknown sampler '{name}'; {did_you_mean(name, SAMPLERS)}")


def _ordered_nsga2(seed: int) -> BaseSampler:
    """NSGA-II whose parents stand in the order of their trials.

    Optuna's own come in order of merit when a generation starts and in order of trials later, from
    its cache; a resumed process has no cache, and would draw other children.
    """
    import optuna

    class OrderedNSGAII(optuna.samplers.NSGAIISampler):
        def get_parent_population(self, study: Any, generation: int) -> list[Any]:
            parents = super().get_parent_population(study, generation)
            return sorted(parents, key=lambda trial: trial.number)

    return OrderedNSGAII(seed=seed)


class TrialSeededSampler:
    """Gives each trial a sampler whose randomness is a function of (seed, trial number)."""

    def __init__(self, name: str, seed: int) -> None:
        self._factory = sampler_factory(name)
        self._seed = seed
        self._sampler = self._make(0)
        # GP keeps fitted kernel parameters from trial to trial, which a resumed process would not
        # have; its fit takes far longer than making it anew.
        self._renew = name == "gp"

    def _make(self, trial: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._factory(trial_seed(self._seed, trial))

    def for_trial(self, trial: int) -> BaseSampler:
        """The sampler to ask for trial number `trial`."""
        if self._renew or not _reseed(self._sampler, trial_seed(self._seed, trial)):
            self._sampler = self._make(trial)
        return self._sampler


def _reseed(sampler: Any, seed: int) -> bool:
    """Set the generators of an Optuna sampler; False where they are not where we know them.

    Optuna has no public way to do this: `reseed_rng` draws entropy from the system. Making a new
    sampler instead is always right, but costs TPE a scan of all trials at each ask.
    """
    generators = [
        getattr(getattr(holder, "_rng", None), "rng", None)
        for holder in (sampler, *_independent_samplers(sampler))
    ]
    if any(not isinstance(generator, np.random.RandomState) for generator in generators):
        return False
    for offset, generator in enumerate(generators):
        assert isinstance(generator, np.random.RandomState)
        generator.seed((seed + offset) % 2**32)
    return True


def _independent_samplers(sampler: Any) -> list[Any]:
    names = ("_random_sampler", "_independent_sampler")
    return [getattr(sampler, name) for name in names if hasattr(sampler, name)]
