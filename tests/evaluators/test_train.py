"""`train`: candidates really trained, resumable inside, and whatever goes wrong is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nas.data.images import DataSet
from nas.data.opening import open_data
from nas.data.splitting import search_split
from nas.errors import ConfigError, DataError, EvaluationError, NasError, TrainingError
from nas.evaluators.base import EvaluationContext, PrunedError, judge
from nas.evaluators.train import TrainEvaluator
from nas.evaluators.train_settings import read_settings
from nas.evaluators.train_subset import subset_of
from nas.spec import ArchSpec, HeadSpec, StageSpec, StemSpec

DATA = "sample:px=16,classes=3,images=60"
OPTIONS: dict[str, Any] = {"data": DATA, "epochs": 2, "batch": 16, "device": "cpu"}


def tiny(classes: int = 3, channels: int = 8) -> ArchSpec:
    return ArchSpec(
        StemSpec(8),
        (StageSpec("mbconv", channels, 1, stride=2, kernel=3, expand_ratio=1),),
        HeadSpec(16, dropout=0.0),
        resolution=16,
        classes=classes,
    )


def prepared(
    folder: Path | None = None,
    report: Callable[[int, float], bool] = lambda epoch, value: False,
    **changes: Any,
) -> TrainEvaluator:
    evaluator = TrainEvaluator()
    context = EvaluationContext(None, 0, folder, {**OPTIONS, **changes}, report)
    evaluator.prepare(context)
    return evaluator


def test_an_edited_recipe_file_is_another_setting(tmp_path: Path) -> None:
    from nas.evaluators.train_settings import with_recipe
    from nas.training.recipe import load_recipe

    assert with_recipe({}) == {"recipe": "short"}
    file = tmp_path / "mine.toml"
    settings = {**load_recipe("short").to_dict(), "name": "mine"}
    lines = [
        f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None
    ]
    file.write_text("\n".join(lines))
    begun = with_recipe({"recipe": str(file), "data": DATA})
    assert read_settings(begun).recipe.mixup == load_recipe("short").mixup
    file.write_text("# only a comment is new\n" + "\n".join(lines))
    assert with_recipe(begun) == begun
    file.write_text(
        "\n".join(line for line in lines if not line.startswith("mixup")) + "\nmixup = 0.7"
    )
    assert with_recipe(begun) != begun
    with pytest.raises(ConfigError, match="is not what it was when this began"):
        read_settings(begun)


def test_the_same_network_and_seed_give_the_same_accuracy_and_say_what_it_is() -> None:
    first = prepared().evaluate(tiny(), seed=3)
    again = prepared().evaluate(tiny(), seed=3)
    assert first.value == again.value
    assert 0 <= first.value <= 1
    assert first.seconds > 0
    assert first.sd is None
    assert first.source == (
        f"measured top-1 on search-val of {DATA}, 2 epochs, recipe short, toy data"
    )


def test_several_seeds_give_a_mean_and_its_spread(tmp_path: Path) -> None:
    evaluator = prepared(tmp_path, train_seeds=2)
    both = evaluator.evaluate(tiny(), seed=0)
    single = [prepared().evaluate(tiny(), seed=seed).value for seed in (0, 1)]
    assert both.value == pytest.approx(sum(single) / 2)
    assert both.sd == pytest.approx(abs(single[0] - single[1]) / 2)
    assert "mean of 2 seeds" in both.source


def test_each_epoch_is_reported_and_a_hopeless_training_is_stopped(tmp_path: Path) -> None:
    heard: list[tuple[int, float]] = []

    def stop_after_two(epoch: int, value: float) -> bool:
        heard.append((epoch, value))
        return epoch >= 2

    evaluator = prepared(tmp_path, stop_after_two, epochs=3)
    with pytest.raises(PrunedError) as stopped:
        evaluator.evaluate(tiny(), seed=0)
    assert [epoch for epoch, _ in heard] == [1, 2]
    assert (stopped.value.epoch, stopped.value.value) == (2, heard[-1][1])
    with pytest.raises(PrunedError) as remembered:
        evaluator.evaluate(tiny(), seed=0)
    assert (remembered.value.epoch, len(heard)) == (2, 2)
    # After the last epoch there is nothing left to save.
    assert 0 <= prepared(None, stop_after_two, epochs=2).evaluate(tiny(), seed=0).value <= 1


def test_a_finished_training_is_remembered_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    first = prepared(tmp_path).evaluate(tiny(), seed=0)
    left = [path.name for path in (tmp_path / tiny().digest()[:32]).iterdir()]
    assert left == ["seed-0.json"]
    again = prepared(tmp_path).evaluate(tiny(), seed=0)
    assert (again.value, again.seconds) == (first.value, first.seconds)


def test_an_interrupted_training_goes_on_inside_to_the_same_accuracy(tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    def kill(epoch: int, value: float) -> bool:
        if epoch == 2:
            raise KilledError
        return False

    whole = prepared(epochs=3).evaluate(tiny(), seed=0)
    with pytest.raises(KilledError):
        prepared(tmp_path, kill, epochs=3).evaluate(tiny(), seed=0)
    checkpoints = tmp_path / tiny().digest()[:32] / "seed-0"
    assert any(checkpoints.iterdir())
    epochs: list[int] = []

    def note(epoch: int, value: float) -> bool:
        epochs.append(epoch)
        return False

    resumed = prepared(tmp_path, note, epochs=3).evaluate(tiny(), seed=0)
    assert resumed.value == whole.value
    assert epochs == [2, 3]
    assert not checkpoints.exists()


def test_a_damaged_or_foreign_checkpoint_is_left_for_a_new_training(tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    def kill(epoch: int, value: float) -> bool:
        if epoch == 2:
            raise KilledError
        return False

    whole = prepared().evaluate(tiny(), seed=0)
    place = tmp_path / "damaged" / tiny().digest()[:32] / "seed-0"
    place.mkdir(parents=True)
    (place / "checkpoint.pt").write_bytes(b"damaged")
    assert prepared(tmp_path / "damaged").evaluate(tiny(), seed=0).value == whole.value
    assert not place.exists()
    with pytest.raises(KilledError):
        prepared(tmp_path / "foreign", kill, epochs=3).evaluate(tiny(), seed=0)
    assert prepared(tmp_path / "foreign").evaluate(tiny(), seed=0).value == whole.value


def test_a_training_that_cannot_be_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def refuse(*arguments: Any, **settings: Any) -> Any:
        tried.append(settings["seed"])
        raise TrainingError("no")

    monkeypatch.setattr("nas.training.loop.train", refuse)
    place = tmp_path / tiny().digest()[:32] / "seed-0"
    place.mkdir(parents=True)
    (place / "checkpoint.pt").write_bytes(b"")
    assert judge(prepared(tmp_path), tiny(), 0) == "no"
    assert tried == [0, 0]


def test_a_training_that_diverges_is_a_reason_and_not_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "wild.toml"
    recipe.write_text(
        'epochs = 1\nbatch_size = 16\noptimizer = "sgd"\nlearning_rate = 1e4\ncrop = "none"\n'
    )
    wild = judge(prepared(tmp_path / "e", recipe=str(recipe), epochs=8), tiny(), 0)
    assert isinstance(wild, str)
    assert "\n" not in wild
    assert not (tmp_path / "e" / tiny().digest()[:32] / "seed-0").exists()

    def out_of_memory(*arguments: Any, **settings: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\nmore")

    monkeypatch.setattr("nas.training.loop.train", out_of_memory)
    evaluator = prepared(tmp_path / "f")
    reason = judge(evaluator, tiny(), 0)
    assert reason == "OutOfMemoryError: CUDA out of memory. Tried to allocate"


def test_a_part_of_the_images_has_every_class_and_is_in_the_larger_part() -> None:
    data = open_data(DATA)
    train = search_split(data.train).search_train
    half, nine = subset_of(data, train, 0.5), subset_of(data, train, 9)
    assert set(nine) <= set(train)
    assert set(data.train.labels[nine]) == {0, 1, 2}
    assert len(nine) == 9
    assert len(half) == pytest.approx(len(train) / 2, abs=2)
    assert list(subset_of(data, train, 0.5)) == list(half)
    assert "images" in prepared(subset=9).source
    with pytest.raises(DataError, match="more than"):
        subset_of(data, train, 1000)
    with pytest.raises(DataError, match="at least one of each"):
        subset_of(data, train, 2)


class Numbers:
    """Images of which only the labels and contents are asked for."""

    classes = ("a", "b", "c")
    labels: NDArray[np.int64] = np.array([0] * 20 + [1, 1, 2], dtype=np.int64)

    def content_hashes(self) -> list[str]:
        # The two of class b are equal.
        return [str(number) for number in [*range(20), 20, 20, 21]]


def test_a_class_too_small_to_be_divided_is_used_whole() -> None:
    images: Any = Numbers()
    data, train = DataSet("mine", images), np.arange(23)
    assert list(subset_of(data, train, 0.5)[-3:]) == [20, 21, 22]
    assert len(subset_of(data, train, 0.5)) == 13
    few = train[-3:]
    assert list(subset_of(data, few, 3)) == list(few)
    # 49 * (1 / 49) is below 1 as a float.
    many: Any = Numbers()
    many.classes, many.labels = ("a",), np.zeros(49, dtype=np.int64)
    many.content_hashes = lambda: [str(number) for number in range(49)]
    assert len(subset_of(DataSet("mine", many), np.arange(49), 1)) == 1


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"data": None}, EvaluationError, "--data DIR"),
        ({"recipe": "shrot"}, TrainingError, "shrot"),
        ({"epochs": 0}, TrainingError, "epochs"),
        ({"subset": -1}, ConfigError, "--subset is -1"),
        ({"subset": 1.5}, ConfigError, "--subset is 1.5"),
        ({"subset": float("inf")}, ConfigError, "--subset is inf"),
        ({"subset": float("nan")}, ConfigError, "--subset is nan"),
        ({"train_seeds": 0}, ConfigError, "1 or more"),
        ({"colour": 1}, ConfigError, "colour"),
    ],
)
def test_bad_settings_are_one_line(
    changes: dict[str, Any], kind: type[NasError], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        read_settings({**OPTIONS, **changes})
    assert "\n" not in str(refused.value)


def test_other_images_than_the_search_began_with_are_refused() -> None:
    with pytest.raises(DataError, match="not those that the search began with"):
        prepared(fingerprint="0" * 64)
    fingerprint = open_data(DATA).fingerprint
    assert prepared(fingerprint=fingerprint, workers=2).source


def test_a_part_of_a_training_tells_how_long_it_takes() -> None:
    context = EvaluationContext(None, 0, options={**OPTIONS, "epochs": 40})
    seconds = TrainEvaluator().try_seconds(context, tiny())
    assert 0 < seconds < 600
    assert json.dumps(seconds)
