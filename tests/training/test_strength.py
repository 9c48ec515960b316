"""Shorter trainings are augmented less, where a recipe says so, and never otherwise."""

from __future__ import annotations

import pytest

from nas.data.pixels import Pixels
from nas.model import Network
from nas.training import loop
from nas.training.recipe import Recipe, load_recipe, recipe_names
from nas.training.strength import at_its_strength, augmentation_strength

STRONG = {
    "crop_scale": (0.35, 1.0),
    "random_erasing": 0.4,
    "mixup": 0.2,
    "cutmix": 1.0,
    "full_augmentation_epochs": 40,
}


@pytest.mark.parametrize(("epochs", "strength"), [(10, 0.5), (40, 1.0), (300, 1.0), (1, 40**-0.5)])
def test_strength_grows_with_the_square_root_of_the_epochs(epochs: int, strength: float) -> None:
    recipe = load_recipe("short", epochs=epochs, **STRONG)
    assert augmentation_strength(recipe) == pytest.approx(strength)
    weak = at_its_strength(recipe)
    assert weak.crop_scale == pytest.approx((1 - 0.65 * strength, 1.0))
    assert weak.random_erasing == pytest.approx(0.4 * strength)
    assert (weak.mixup, weak.cutmix) == pytest.approx((0.2 * strength, strength))
    assert (weak.flip, weak.epochs) == (recipe.flip, epochs)
    assert at_its_strength(weak) == weak


def test_no_built_in_recipe_is_weakened() -> None:
    for name in recipe_names():
        recipe = load_recipe(name, epochs=1)
        assert at_its_strength(recipe) == recipe


def test_a_training_is_augmented_at_its_strength(
    small_network: Network, squares: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Recipe] = []
    original = loop.Session

    def session(network: Network, pixels: Pixels, recipe: Recipe, **settings: object) -> object:
        used.append(recipe)
        return original(network, pixels, recipe, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "Session", session)
    recipe = load_recipe("short", epochs=1, batch_size=32, full_augmentation_epochs=4)
    loop.train(small_network, squares, None, recipe, resolution=16, seed=0, device="cpu")
    assert used[0].crop_scale == pytest.approx((0.675, 1.0))
