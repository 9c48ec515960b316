"""Weaker augmentation for shorter trainings.

What augmentation gains, a training must have time to learn: Steiner et al. (2106.10270) find that
it helps long trainings and harms short ones, and Wightman et al. (2110.00476) augment less in 100
epochs than in 300 and 600. How much less is our choice: strength grows with the square root of the
epochs, up to the recipe's own at `full_augmentation_epochs`.
"""

from __future__ import annotations

import dataclasses
import math

from nas.training.recipe import Recipe


def augmentation_strength(recipe: Recipe) -> float:
    """From 0, none, to 1, as the recipe has it."""
    if not recipe.full_augmentation_epochs:
        return 1.0
    return min(1.0, math.sqrt(recipe.epochs / recipe.full_augmentation_epochs))


def at_its_strength(recipe: Recipe) -> Recipe:
    """The recipe with crops, erasing, mixup and cutmix weakened for its length.

    A crop's smallest area moves towards the whole image; the probability of erasing and the alphas
    of mixup and cutmix shrink. Automatic augmentation has a strength of its own in its words, and
    mirroring none: both stay.
    """
    strength = augmentation_strength(recipe)
    if strength == 1.0:
        return recipe
    smallest, largest = recipe.crop_scale
    return dataclasses.replace(
        recipe,
        # Once weakened it is done: a recipe that comes here twice stays as it is.
        full_augmentation_epochs=0,
        crop_scale=(largest - strength * (largest - smallest), largest),
        random_erasing=strength * recipe.random_erasing,
        mixup=strength * recipe.mixup,
        cutmix=strength * recipe.cutmix,
    )
