"""`nas predict` sees what `nas eval` sees, whatever lies between the images."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_training import TINY, write_images

from nas.archs import resized
from nas.data.opening import open_data
from nas.model import build
from nas.training.measure import measure
from nas.training.predict import Prediction, Unreadable, predict
from nas.training.weights import Weights, load_weights, save_weights


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def weights(tmp_path: Path, images: Path) -> Weights:
    classes = open_data(images).classes
    network = build(resized(TINY, classes=len(classes)), seed=1)
    with torch.no_grad():
        network.train()(torch.randn(16, 3, 16, 16))
        network.head.classifier.weight.mul_(20)  # so that not all images are one class
    path = tmp_path / "w.safetensors"
    save_weights(path, network, classes, extra={"stored_px": "16"})
    return load_weights(path)


def test_predictions_are_those_that_eval_counts(weights: Weights, images: Path) -> None:
    paths = sorted((images / "test").rglob("*.png"))
    found = list(predict(weights, paths, top=1, device="cpu"))
    assert len({outcome.classes[0][0] for outcome in found}) > 1
    hits = [outcome.classes[0][0] == Path(outcome.image).parent.name for outcome in found]
    accuracy = measure(weights, open_data(images), device="cpu")
    assert accuracy["top1"] == pytest.approx(sum(hits) / len(hits))


def test_classes_in_another_order_are_measured_alike(weights: Weights, images: Path) -> None:
    data = open_data(images)
    order = [2, 0, 3, 1]
    turned = Weights(
        weights.spec,
        {**weights.state},
        tuple(weights.classes[i] for i in order),
        weights.extra,
    )
    for name in ("head.classifier.weight", "head.classifier.bias"):
        turned.state[name] = weights.state[name][order]
    assert measure(turned, data, device="cpu") == measure(weights, data, device="cpu")


def test_probabilities_are_sorted_and_limited_by_the_classes(
    weights: Weights, images: Path
) -> None:
    (found,) = predict(weights, [next((images / "test").rglob("*.png"))], top=9, device="cpu")
    assert isinstance(found, Prediction)
    shares = [share for _, share in found.classes]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_unreadable_images_are_named_and_the_others_go_on(
    weights: Weights, images: Path, tmp_path: Path
) -> None:
    good = next((images / "test").rglob("*.png"))
    empty, text, cut = tmp_path / "empty.png", tmp_path / "text.jpg", tmp_path / "cut.png"
    empty.touch()
    text.write_text("no image")
    cut.write_bytes(good.read_bytes()[:200])
    grey = tmp_path / "grey.png"
    Image.new("L", (40, 20)).save(grey)
    paths = [tmp_path / "none.png", empty, good, text, cut, grey, tmp_path]
    found = list(predict(weights, paths, device="cpu"))
    assert [outcome.image for outcome in found] == [str(path) for path in paths]
    assert [type(outcome) for outcome in found] == [
        Unreadable, Unreadable, Prediction, Unreadable, Unreadable, Prediction, Unreadable,
    ]  # fmt: skip
    (alone,) = predict(weights, [good], device="cpu")
    (among,) = (outcome for outcome in found if outcome.image == str(good))
    for (name, share), (other, beside) in zip(alone.classes, among.classes, strict=True):
        assert (name, share) == (other, pytest.approx(beside, abs=1e-6))


def test_more_images_than_a_batch(
    weights: Weights, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted((images / "test").rglob("*.png"))
    whole = list(predict(weights, paths, device="cpu"))
    monkeypatch.setattr("nas.training.predict.BATCH", 5)
    assert [o.classes[0][0] for o in predict(weights, paths, device="cpu")] == [
        o.classes[0][0] for o in whole
    ]
