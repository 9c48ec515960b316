"""Splits share nothing, are stratified, and are the same for the same images and seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.arrays import ArrayImages
from nas.data.duplicates import report_duplicates
from nas.data.images import DataSet
from nas.data.report import Problems
from nas.data.splitting import search_split, stratified
from nas.errors import DataError


def images_of(labels: list[int], contents: list[int], part: str = "train") -> ArrayImages:
    """A 1 x 1 image for each label; equal `contents` are exact duplicates."""
    pixels = np.array(contents, dtype="<u4")[:, None].view(np.uint8)[:, None, None, :3]
    names = tuple(f"class{k}" for k in range(max(labels) + 1))
    return ArrayImages(part, names, pixels, np.array(labels, dtype=np.int64))


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=5),
    copies=st.integers(1, 4),
    fraction=st.sampled_from((0.1, 0.2, 0.5)),
    seed=st.integers(0, 5),
)
def test_the_sides_share_no_content_and_every_class_is_on_both(
    counts: list[int], copies: int, fraction: float, seed: int
) -> None:
    labels = [k for k, count in enumerate(counts) for _ in range(count * copies)]
    contents = [i // copies for i in range(len(labels))]
    images = images_of(labels, contents)
    split = search_split(images, val_fraction=fraction, seed=seed)
    assert sorted([*split.search_train, *split.search_val]) == list(range(len(labels)))
    hashes = np.array(images.content_hashes())
    assert not set(hashes[split.search_train]) & set(hashes[split.search_val])
    held = np.bincount(images.labels[split.search_val], minlength=len(counts))
    wanted = np.array(counts) * copies * fraction
    assert np.all(held >= 1)
    assert np.all(held <= np.maximum(wanted + 0.5, copies))
    assert np.all(held > wanted - 0.5 - copies)


def test_the_split_depends_on_images_and_seed_alone() -> None:
    images = images_of([0, 1] * 50, list(range(100)))
    one, other = search_split(images), search_split(images, seed=1)
    assert search_split(images).digest == one.digest != other.digest
    assert one.search_val.tolist() != other.search_val.tolist()
    # Another order of the same images: the same images are held out.
    turned = images_of([1, 0] * 50, list(range(99, -1, -1)))
    assert sorted(99 - search_split(turned).search_val) == one.search_val.tolist()


def test_images_that_are_added_later_move_few_of_the_others() -> None:
    before = search_split(images_of([0, 1] * 100, list(range(200))))
    after = search_split(images_of([0, 1] * 105, list(range(210))))
    moved = set(before.search_val) ^ {index for index in after.search_val if index < 200}
    assert len(moved) <= 10


def test_two_purposes_draw_different_images() -> None:
    images = images_of([0, 1] * 100, list(range(200)))
    _, search = stratified(
        images.labels, images.content_hashes(), images.classes,
        fraction=0.2, seed=0, purpose="search",
    )  # fmt: skip
    _, test = stratified(
        images.labels, images.content_hashes(), images.classes,
        fraction=0.2, seed=0, purpose="test",
    )  # fmt: skip
    assert 0 < len(set(search) & set(test)) < 25


def test_what_lies_under_two_classes_judges_nothing() -> None:
    images = images_of([0, 1] * 20, [0, 0, *range(1, 39)])
    for seed in range(20):
        assert not {0, 1} & set(search_split(images, seed=seed).search_val)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0])
def test_a_fraction_that_leaves_a_side_empty_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match="is not between 0 and 1"):
        search_split(images_of([0, 1] * 4, list(range(8))), val_fraction=fraction)


def test_duplicates_are_found_and_named_with_what_they_equal() -> None:
    train = images_of([0, 0, 1, 1, 1], [1, 2, 3, 3, 2])
    test = images_of([0, 1, 1], [1, 9, 3], "test")
    report = Problems()
    report_duplicates(DataSet("x", train, test), report)
    assert report.found == {
        "duplicate": {"train/00003": "equals train/00002"},
        "in two classes": {"train/00004": "equals train/00001"},
        "in train and test": {
            "test/00000": "equals train/00000",
            "test/00002": "equals train/00002",
        },
    }
    assert report.lines()[0] == (
        "2 images to test with, equal to one to train with: "
        "test/00000 (equals train/00000), test/00002 (equals train/00002)"
    )
    with pytest.raises(DataError, match="train/00004: equals train/00001"):
        report_duplicates(DataSet("x", train, test), Problems(strict=True))
