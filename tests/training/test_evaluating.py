"""Top-1, top-5 and loss against scikit-learn and torch."""

from __future__ import annotations

import pytest
import torch
from learnable import coloured_squares, small_spec
from torch import Tensor, nn
from torch.nn import functional

from nas.data.arrays import ArrayImages
from nas.data.images import Decoded, ImageError
from nas.data.report import Problems
from nas.data.streaming import StreamedPixels
from nas.errors import DataError, TrainingError
from nas.model import build
from nas.training.augment import prepare_for_evaluation
from nas.training.loop import evaluate

metrics = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("batch_size", [7, 256])
def test_accuracies_are_scikit_learns(batch_size: int) -> None:
    pixels = coloured_squares(50, classes=9)
    network = build(small_spec(classes=9), seed=1)
    found = evaluate(network, pixels, resolution=16, device="cpu", batch_size=batch_size)
    network.eval()
    with torch.inference_mode():
        logits = network(prepare_for_evaluation(pixels.images, 16))
    truth, scores = pixels.labels.numpy(), logits.softmax(1).numpy()
    names = list(range(9))
    top5 = metrics.top_k_accuracy_score(truth, scores, k=5, labels=names)
    assert found.top1 == pytest.approx(metrics.accuracy_score(truth, scores.argmax(1)))
    assert found.top5 == pytest.approx(top5)
    assert found.loss == pytest.approx(float(functional.cross_entropy(logits, pixels.labels)))
    assert found.images == 50


class Full(nn.Module):
    """Is out of memory above a number of images, and counts the calls."""

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most, self.sizes = network, most, list[int]()

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(images))
        logits: Tensor = self.network(images)
        return logits


def test_a_batch_that_does_not_fit_is_judged_in_parts() -> None:
    pixels, network = coloured_squares(50), build(small_spec(), seed=1)
    whole = evaluate(network, pixels, resolution=16, device="cpu")
    parts = Full(network, 7)
    found = evaluate(parts, pixels, resolution=16, device="cpu", batch_size=40)
    assert parts.sizes == [5] * 8 + [5, 5]
    assert (found.top1, found.top5, found.images) == (whole.top1, whole.top5, 50)
    assert found.loss == pytest.approx(whole.loss)
    with pytest.raises(TrainingError, match="no memory to judge a single image of 16 px; use"):
        evaluate(Full(network, 0), pixels, resolution=16, device="cpu")


def test_modes_are_left_as_they_were() -> None:
    network = build(small_spec(), seed=0)
    network.train()
    network.stem.eval()
    evaluate(network, coloured_squares(8), resolution=16, device="cpu")
    assert network.training
    assert not network.stem.training


def test_fewer_than_five_classes_and_no_images() -> None:
    network = build(small_spec(), seed=0)
    assert evaluate(network, coloured_squares(8), resolution=16, device="cpu").top5 == 1
    with pytest.raises(TrainingError, match="no images to evaluate"):
        evaluate(network, coloured_squares(0), resolution=16, device="cpu")


class Unreadable(ArrayImages):
    """Images of which none can be decoded."""

    def decode(self, index: int, at_least_px: int = 0) -> Decoded:
        raise ImageError(self.name(index), "unreadable", "gone")


def test_a_stream_without_one_good_image_is_one_line_each_time() -> None:
    squares = coloured_squares(8)
    arrays = squares.images.permute(0, 2, 3, 1).numpy()
    images = Unreadable("test", squares.classes, arrays, squares.labels.numpy())
    pixels = StreamedPixels(images, None, 16, report=Problems(), workers=0)
    # By the second time it is known that none can be read.
    for _ in range(2):
        with pytest.raises(DataError, match="none of 8 images can be read"):
            evaluate(build(small_spec(), seed=0), pixels, resolution=16, device="cpu")
