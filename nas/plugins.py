"""Spaces, evaluators and rewards by name: the built-in ones, those of plug-ins, `module:Attr`.

A target is a class or another factory, or the finished object. Listing imports nothing. Block
kinds resolve the same way, in `nas.blocks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nas.blocks import BLOCK_KINDS, BlockKind
from nas.errors import NasError, PluginError, one_line
from nas.registry import Offer, Registry
from nas.space import SearchSpace

if TYPE_CHECKING:
    from nas.evaluators.base import Evaluator
    from nas.objective import Reward

SPACES = Registry(
    "nas.spaces",
    "search space",
    {
        "mbconv": "nas.search_spaces.mbconv:MBConvSpace",
        "mbconv-elastic": "nas.search_spaces.mbconv_elastic:MBConvElasticSpace",
        "mnasnet": "nas.search_spaces.mnasnet:MnasNetSpace",
        "mobilenet": "nas.search_spaces.mobilenet_space:MobileNetSpace",
        "resnet": "nas.search_spaces.resnet_space:ResNetSpace",
    },
)
EVALUATORS = Registry(
    "nas.evaluators",
    "evaluator",
    {
        "imagenet": "nas.evaluators.imagenet:ImagenetPredictor",
        "train": "nas.evaluators.train:TrainEvaluator",
        "zero-cost": "nas.evaluators.zero_cost:ZeroCost",
    },
)
REWARDS = Registry(
    "nas.rewards",
    "reward",
    {"hard": "nas.objective:hard_reward", "paper": "nas.objective:paper_reward"},
)

# What an object needs, by group: a method ("call"), or a plain value of a type.
_NEEDS: Mapping[str, Mapping[str, Any]] = {
    SPACES.group: {"name": str, "sample": "call"},
    EVALUATORS.group: {"name": str, "cheap": bool, "prepare": "call", "evaluate": "call"},
    REWARDS.group: {"name": str, "__call__": "call"},
}


def space_offers() -> list[Offer]:
    """The known search spaces and who offers them."""
    return SPACES.offers()


def evaluator_offers() -> list[Offer]:
    """The known evaluators and who offers them."""
    return EVALUATORS.offers()


def reward_offers() -> list[Offer]:
    """The known rewards and who offers them."""
    return REWARDS.offers()


def load_space(name: str) -> SearchSpace:
    """The search space called `name`.

    Raises: PluginError if there is none, it cannot be loaded, or it is no search space.
    """
    space: SearchSpace = _factory(SPACES, SPACES.find(name))()
    return space


def load_evaluator(name: str) -> Callable[..., Evaluator]:
    """The factory of the evaluator called `name`. It passes its arguments on.

    Raises: PluginError if there is none or it cannot be loaded; the factory, if what it makes is
    no evaluator.
    """
    return _factory(EVALUATORS, EVALUATORS.find(name))


def load_reward(name: str) -> Callable[..., Reward]:
    """The factory of the reward called `name`; call it with `target_flops`.

    Raises: PluginError if there is none or it cannot be loaded; the factory, if what it makes is
    no reward.
    """
    return _factory(REWARDS, REWARDS.find(name))


def problem_of(registry: Registry, offer: Offer) -> str | None:
    """What stands in the way of using an offered plug-in, in one line; None if nothing does.

    Imports it and makes one; never raises.
    """
    others = [each for each in registry.offers() if each.name == offer.name and each != offer]
    if others and offer.name not in registry.built_in:
        also = ", ".join(f"{other.owner} ({other.target})" for other in others)
        return f"{registry.describe(offer)} is offered by {also} too; name it as {offer.target}"
    if others and offer.target != registry.built_in[offer.name]:
        return f"{registry.describe(offer)} is built in; name the package's as {offer.target}"
    try:
        if registry.group == BLOCK_KINDS.group:
            found = registry.load_offer(offer)
            if offer.name not in registry.built_in and not isinstance(found, BlockKind):
                return f"{registry.describe(offer)} is a {type(found).__name__}, not a BlockKind"
            return None
        factory = _factory(registry, offer)
        if offer.name not in registry.built_in:
            factory(**({"target_flops": 400_000_000} if registry.group == REWARDS.group else {}))
    except NasError as error:
        return str(error)
    return None


def _factory(registry: Registry, offer: Offer) -> Callable[..., Any]:
    """A factory whose products are checked, and whose every error names the plug-in."""
    needs = _NEEDS[registry.group]
    target = registry.load_offer(offer)
    described = registry.describe(offer)
    finished = not isinstance(target, type) and not _lacks(target, needs)
    if not finished and not callable(target):
        raise _refusal(registry, offer, target)

    def make(*arguments: Any, **settings: Any) -> Any:
        try:
            made = target if finished else target(*arguments, **settings)
        except NasError:
            raise
        except (Exception, SystemExit) as error:
            if offer.target in registry.built_in.values():
                raise  # our own mistake keeps its traceback
            raise PluginError(f"{described} cannot be made: {one_line(error)}") from error
        if _lacks(made, needs):
            raise _refusal(registry, offer, made)
        return made

    return make


def _lacks(found: Any, needs: Mapping[str, Any]) -> list[str]:
    """What an object lacks, in words: "no sample()", "a name that is None"."""
    lacks = []
    for attribute, need in needs.items():
        try:
            value = getattr(found, attribute)
        except Exception:
            # Also a property that raises: the plug-in's mistake, reported like an absent one.
            lacks.append(f"no {attribute}{'()' if need == 'call' else ''}")
            continue
        fits = callable(value) if need == "call" else isinstance(value, need) and value != ""
        if not fits:
            lacks.append(f"a {attribute} that is {value!r}")
    return lacks


def _refusal(registry: Registry, offer: Offer, found: Any) -> PluginError:
    lacks = ", ".join(_lacks(found, _NEEDS[registry.group]))
    return PluginError(
        f"{registry.describe(offer)} is no {registry.what}: {type(found).__name__} has {lacks}; "
        "see docs/plugins.md"
    )
