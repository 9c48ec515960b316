"""Recipes: readable files, checked values, rates for other batches."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nas.errors import TrainingError
from nas.training.recipe import Recipe, load_recipe, recipe_names


def test_the_recipes_load_and_say_where_they_are_from() -> None:
    assert {"cifar", "paper", "short", "timm"} <= set(recipe_names())
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.source
        assert recipe.expected


def test_the_papers_settings_are_those_of_section_5_2() -> None:
    paper = load_recipe("paper")
    assert (paper.optimizer, paper.momentum, paper.weight_decay) == ("rmsprop", 0.9, 1e-5)
    assert (paper.learning_rate, paper.decay_rate, paper.decay_epochs) == (0.256, 0.97, 2.4)
    assert (paper.auto_augment, paper.drop_path) == ("autoaugment", 0.2)


@pytest.mark.parametrize(
    ("name", "batch", "rate"),
    [
        ("cifar", 512, 0.4),  # linear: 1706.02677
        ("paper", 256, 0.016),  # the reference code's 0.016 for 256
        ("short", 512, 8e-3),  # square root: 2205.10287
    ],
)
def test_another_batch_size_gets_another_rate(name: str, batch: int, rate: float) -> None:
    assert math.isclose(load_recipe(name, batch_size=batch).learning_rate, rate)
    assert load_recipe(name, batch_size=batch, learning_rate=0.5).learning_rate == 0.5


def test_an_override_of_none_changes_nothing() -> None:
    assert load_recipe("short", epochs=None, ema=None) == load_recipe("short")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'epochs = 3\nbatch_size = 8\noptimizer = "sgd"\nlearning_rate = 1\ncrop_scale = [0.5, 1]\n'
    )
    recipe = load_recipe(path, flip=False)
    assert (recipe.name, recipe.learning_rate, recipe.crop_scale) == ("mine", 1.0, (0.5, 1.0))
    assert Recipe(**recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"epoch": 3}, "no setting 'epoch'; did you mean 'epochs'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 2.5}, "epochs is 2.5; it must be a whole number"),
        ({"epochs": True}, "epochs is True; it must be a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; it must be a number"),
        ({"optimizer": "adam"}, "must be one of sgd, rmsprop, adamw"),
        ({"crop_scale": [0.9, 0.1]}, "the smaller one first"),
        ({"crop_scale": 0.5}, "crop_scale is 0.5; it must be two numbers"),
        ({"flip": "no"}, "flip is 'no'; it must be true or false"),
        ({"drop_path": 1.5}, "drop_path is 1.5"),
    ],
)
def test_what_cannot_be_is_one_line(overrides: dict[str, object], words: str) -> None:
    with pytest.raises(TrainingError) as raised:
        load_recipe("short", **overrides)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("epochs = ", "is not TOML"),
        ("epochs = 3", "lacks 'batch_size'"),
        (None, "cannot read the recipe"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "bad.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(TrainingError, match=words):
        load_recipe(path)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(TrainingError, match=r"there are cifar, .*short, timm"):
        load_recipe("shrt")
